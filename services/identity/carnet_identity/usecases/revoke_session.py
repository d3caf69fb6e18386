"""Ends a session, for the software that opened it.

1. The session was opened through the caller's certificate; another's is as good as none.
2. In one transaction it is marked, its event recorded, and consent is noted as to be told.
3. Consent is told and has it majority-committed.
4. 505 ms later no permit given before can be usable any more (architecture.md 5): acknowledged, and the answer kept for retries.

A process that dies after 2 leaves the rest to the background job; a retry with the same request_id walks the same steps.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta

from carnet_platform.calls import Caller, current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import NotFound
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.session import Session
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.usecases.events import SESSION_REVOKED, event
from carnet_identity.usecases.ports import ChangeRecord, Due, Fence, FirstAnswers, Sessions

_METHOD = "RevokeSession"
# A session has one withdrawal, whoever tells consent of it and however often.
_WITHDRAWALS = uuid.UUID("6ad3b4a2-2bd5-5dbb-9d0a-0c9b8f0f5c11")


class RevokeSession:
    """The use case."""

    def __init__(
        self,
        client: Client,
        sessions: Sessions,
        changes: ChangeRecord,
        requests: FirstAnswers,
        due: Due,
        fence: Fence,
        clock: Clock,
        *,
        acknowledge_after: timedelta,
        tolerance: timedelta,
    ) -> None:
        self._client = client
        self._sessions = sessions
        self._changes = changes
        self._requests = requests
        self._due = due
        self._fence = fence
        self._clock = clock
        self._acknowledge_after = acknowledge_after
        self._tolerance = tolerance

    async def __call__(self, request_id: str, session_id: str, caller: Caller) -> datetime:
        """When the session ended.

        Raises:
            NotFound: there is no such session of this caller.
            Unavailable: consent does not answer; the session may have ended already, so retry.
        """
        request = session_id.encode()

        async def begin(store: StoreSession) -> tuple[datetime, Withdrawal | None]:
            first = await self._requests.first_answer(store, _METHOD, caller.thumbprint, request_id, request)
            if first is not None:
                return datetime.fromisoformat(first.decode()), None
            return await self._mark(store, session_id, caller)

        revoke_time, withdrawal = await in_transaction(self._client, begin)  # 1, 2
        if withdrawal is None:
            return revoke_time
        await self._fence.register(withdrawal)  # 3
        committed = self._clock.boottime()
        await self._due.done(withdrawal)

        async def finish(store: StoreSession) -> None:
            if await self._requests.first_answer(store, _METHOD, caller.thumbprint, request_id, request) is None:
                answer = revoke_time.isoformat().encode()
                await self._requests.remember(store, _METHOD, caller.thumbprint, request_id, request, answer)

        await self._wait(committed)  # 4
        await in_transaction(self._client, finish)
        return revoke_time

    async def _mark(self, store: StoreSession, session_id: str, caller: Caller) -> tuple[datetime, Withdrawal]:
        session = await self._sessions.find(session_id, store)
        if session is None or session.presenter != caller.thumbprint:
            raise NotFound("NOT_FOUND", "there is no such session of this caller", field="session")
        withdrawal = self._withdrawal(session)
        if session.revoke_time is not None:
            return session.revoke_time, withdrawal
        # Milliseconds, as the store keeps them, so that a retry is answered alike.
        now = self._clock.now()
        revoke_time = now.replace(microsecond=now.microsecond // 1000 * 1000)
        await self._sessions.revoke(store, session.id, revoke_time)
        await self._changes.append(store, session.name, event(SESSION_REVOKED, current_call(), now, subject=session.subject), revision=1)
        await self._due.add([withdrawal], store)
        return revoke_time, withdrawal

    def _withdrawal(self, session: Session) -> Withdrawal:
        request_id = str(uuid.uuid5(_WITHDRAWALS, session.name))
        return Withdrawal(subject=session.name, request_id=request_id, expire_time=session.expire_time + self._tolerance)

    async def _wait(self, committed: float) -> None:
        # The boot-time clock: a machine that slept meanwhile has waited long enough, and nobody can move it.
        end = committed + self._acknowledge_after.total_seconds()
        while (left := end - self._clock.boottime()) > 0:  # noqa: ASYNC110 - time itself is awaited, and a sleep may end early
            await asyncio.sleep(left)
