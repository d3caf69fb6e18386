"""Ends a session, for the software that opened it: a withdrawal (`withdraw.py`) of the session's name.

The session was opened through the caller's certificate; another's is as good as none. One that has ended already is withdrawn
again and answered alike: nobody can tell whether it was consent that never heard of it.
"""

from __future__ import annotations

from datetime import datetime

from carnet_platform.calls import Caller, current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import NotFound
from carnet_platform.idempotency import Asked
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.usecases.events import SESSION_REVOKED, event
from carnet_identity.usecases.ports import ChangeRecord, Sessions
from carnet_identity.usecases.withdraw import Marked, Withdraw


class RevokeSession:
    """The use case."""

    def __init__(self, sessions: Sessions, changes: ChangeRecord, withdraw: Withdraw, clock: Clock) -> None:
        self._sessions = sessions
        self._changes = changes
        self._withdraw = withdraw
        self._clock = clock

    async def __call__(self, asked: Asked, session_id: str, caller: Caller) -> datetime:
        """When the session ended.

        Raises:
            NotFound: there is no such session of this caller.
            Unavailable: consent does not answer; the session may have ended already, so retry.
        """

        async def mark(store: StoreSession) -> Marked:
            return await self._mark(store, session_id, caller)

        return datetime.fromisoformat((await self._withdraw(asked, mark)).decode())

    async def _mark(self, store: StoreSession, session_id: str, caller: Caller) -> Marked:
        session = await self._sessions.find(session_id, store)
        if session is None or session.presenter != caller.thumbprint:
            raise NotFound("NOT_FOUND", "there is no such session of this caller", field="session")
        revoke_time = session.revoke_time
        if revoke_time is None:
            # Milliseconds, as the store keeps them, so that a retry is answered alike.
            now = self._clock.now()
            revoke_time = now.replace(microsecond=now.microsecond // 1000 * 1000)
            await self._sessions.revoke(store, session.id, revoke_time)
            payload = event(SESSION_REVOKED, current_call(), now, subject=session.subject)
            await self._changes.append(store, session.name, payload, revision=1)
        return Marked(revoke_time.isoformat().encode(), [session.name])
