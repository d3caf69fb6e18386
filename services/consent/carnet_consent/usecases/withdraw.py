"""Registers what other services withdraw, so that one decision covers every withdrawal. Returns after the majority commit.

All withdrawals count on in one row, so that two transactions at once would conflict. Those that come while one is being written are
therefore written together by the next, each with its own number and its own answer; a refused one takes nothing from the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_platform.clock import Clock
from carnet_platform.errors import InvalidArgument, Refusal
from carnet_platform.gathering import Gathering
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, Session, in_transaction

from carnet_consent.storage.fences import Fences

LONGEST = timedelta(days=366)
MOST_TOGETHER = 128
"""Withdrawals in one transaction: one of this size takes a small part of a second."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    asked: Asked
    subject: str
    expire_time: datetime


class Withdraw:
    """The verb RegisterWithdrawal."""

    def __init__(self, client: Client, fences: Fences, requests: Requests, clock: Clock, timeout: timedelta) -> None:
        """`timeout` is how long one transaction may take, retries included."""
        self._client, self._fences, self._requests, self._clock = client, fences, requests, clock
        self._gathering = Gathering[_Wanted, int | Refusal](self._register_all, most=MOST_TOGETHER, patience=timeout)

    async def __call__(self, asked: Asked, subject: str, expire_time: datetime) -> int:
        """Register a withdrawal and return its number; a repeated request returns the first one.

        Raises InvalidArgument, AlreadyExists REQUEST_ID_REUSED, Unavailable when the store does not answer.
        """
        if expire_time > self._clock.now() + LONGEST:
            raise InvalidArgument("INVALID_FIELD", "must be within a year", field="expire_time")
        # A request stands once in a transaction: its twin with another content waits for the next, and is refused there.
        key = f"{asked.method} {asked.user} {asked.request_id}"
        answer = await self._gathering.ask(key, _Wanted(asked, subject, expire_time))
        if isinstance(answer, Refusal):
            raise answer
        return answer

    async def _register_all(self, wanted: Mapping[str, _Wanted]) -> Mapping[str, int | Refusal]:
        return await in_transaction(self._client, lambda session: self._registered(session, wanted))

    async def _registered(self, session: Session, wanted: Mapping[str, _Wanted]) -> dict[str, int | Refusal]:
        """The answer to each, inside a transaction: its first one, or the number it gets now."""
        answers: dict[str, int | Refusal] = {}
        for key, one in wanted.items():
            try:
                first = await self._requests.first_answer(session, one.asked)
            except Refusal as refusal:
                answers[key] = refusal
            else:
                answers |= {} if first is None else {key: int.from_bytes(first, "big")}
        new = [key for key in wanted if key not in answers]
        if new:
            positions = await self._fences.register_all(session, [(wanted[key].subject, wanted[key].expire_time) for key in new])
            for key, position in zip(new, positions, strict=True):
                await self._requests.remember(session, wanted[key].asked, position.to_bytes(8, "big"))
                answers[key] = position
        return answers
