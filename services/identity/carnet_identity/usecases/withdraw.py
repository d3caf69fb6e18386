"""Withdraws what tokens name, and answers once that holds everywhere: the verb that all withdrawals of identity share.

1. A request that was answered gets its first answer; one that was begun goes on with what it began, and marks nothing twice.
2. In one transaction the use case makes its own mark, with its event; consent is noted as to be told; the answer to be is kept.
3. Consent is told and has it majority-committed.
4. 505 ms later no permit given before can be usable any more (architecture.md 5): acknowledged, and the answer kept for retries.

A process that dies after 2 leaves 3 to the background job (`tell_withdrawals.py`); a retry with the same request_id walks from 3.
Consent keeps a withdrawal as long as a token given until now can live. Whatever is to stay withdrawn for longer is refused a new
session by its own mark (mandates, persons, `storage/stops.py`): that is how a withdrawal lasts until it is lifted.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carnet_platform.clock import Clock
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.usecases.ports import Due, Fence

_BEGUN = "#begun"


@dataclass(frozen=True, slots=True)
class Marked:
    """What a use case has marked in its transaction: the answer once it holds, and the names withdrawn (none: answered at once)."""

    answer: bytes
    subjects: Sequence[str]


Mark = Callable[[StoreSession], Awaitable[Marked]]
"""Marks in the transaction given; may run several times before one commits, so it has no effect but through the transaction."""


class Withdraw:
    """The shared verb."""

    def __init__(
        self,
        client: Client,
        requests: Requests,
        due: Due,
        fence: Fence,
        clock: Clock,
        *,
        acknowledge_after: timedelta,
        tokens_live: timedelta,
    ) -> None:
        """`tokens_live` is the life of a token with the tolerance of clocks."""
        self._client = client
        self._requests = requests
        self._due = due
        self._fence = fence
        self._clock = clock
        self._acknowledge_after = acknowledge_after
        self._tokens_live = tokens_live

    async def __call__(self, asked: Asked, mark: Mark) -> bytes:
        """The answer that `mark` gave, once what it withdrew is refused everywhere.

        Raises:
            AlreadyExists: REQUEST_ID_REUSED.
            Refusal: whatever `mark` raises; then nothing is marked and nothing withdrawn.
            Unavailable: consent does not answer. It is marked and will hold, so retry with the same request_id.
        """
        begun = replace(asked, method=asked.method + _BEGUN)

        async def begin(store: StoreSession) -> bytes:
            marked = await mark(store)
            return _write(marked.answer, await self.begin(store, marked.subjects))

        async def start(store: StoreSession) -> tuple[bytes, tuple[Withdrawal, ...] | None]:
            first = await self._requests.first_answer(store, asked)
            return _read(await self._requests.once(store, begun, begin)) if first is None else (first, None)

        answer, withdrawals = await in_transaction(self._client, start)  # 1, 2
        if withdrawals is None:
            return answer
        await self.finish(withdrawals)  # 3, 4

        async def acknowledge(store: StoreSession) -> bytes:
            del store
            return answer

        return await in_transaction(self._client, lambda store: self._requests.once(store, asked, acknowledge))

    async def begin(self, store: StoreSession, subjects: Iterable[str]) -> tuple[Withdrawal, ...]:
        """Step 2 without the mark, in the caller's transaction: once that commits, consent will be told, by whomever."""
        ends = self._clock.now() + self._tokens_live
        withdrawals = tuple(Withdrawal(subject=one, request_id=str(uuid.uuid4()), expire_time=ends) for one in dict.fromkeys(subjects))
        await self._due.add(withdrawals, store)
        return withdrawals

    async def finish(self, withdrawals: Sequence[Withdrawal]) -> None:
        """Steps 3 and 4, after that transaction; repeatable. Unavailable: consent does not answer and will be told later."""
        if not withdrawals:
            return
        for withdrawal in withdrawals:
            await self._fence.register(withdrawal)
        committed = self._clock.boottime()
        for withdrawal in withdrawals:
            await self._due.done(withdrawal)
        await self._wait(committed)

    async def _wait(self, committed: float) -> None:
        # The boot-time clock: a machine that slept meanwhile has waited long enough, and nobody can move it.
        end = committed + self._acknowledge_after.total_seconds()
        while (left := end - self._clock.boottime()) > 0:  # noqa: ASYNC110 - time itself is awaited, and a sleep may end early
            await asyncio.sleep(left)


def _write(answer: bytes, withdrawals: Sequence[Withdrawal]) -> bytes:
    told = [[one.subject, one.request_id, one.expire_time.isoformat()] for one in withdrawals]
    return json.dumps({"answer": answer.hex(), "withdrawals": told}).encode()


def _read(begun: bytes) -> tuple[bytes, tuple[Withdrawal, ...]]:
    kept = json.loads(begun)
    withdrawals = tuple(
        Withdrawal(subject=subject, request_id=request_id, expire_time=datetime.fromisoformat(ends))
        for subject, request_id, ends in kept["withdrawals"]
    )
    return bytes.fromhex(kept["answer"]), withdrawals
