"""Turns a notice that another service decided on into letters, one for each address and device, in the outbox.

1. Who is told is looked up: the person and, where asked, those who represent her now.
2. In one transaction: a request that was answered before gets the same answer; a person who has died gets nothing, nor does anybody for
   her (rules.md 17); otherwise a letter is queued for each verified address that the mail server has not refused for good, and a push
   for each device, as far as the notice is told by these.
3. They are sent from the outboxes (`send_letters.py`), within a second or so when the mail server, or the push gateway, answers.

So a caller that does not hear the answer asks again, and nobody gets the letter twice. The mail server is not asked: that it is down must
keep nobody from being told later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from carnet_platform.clock import Clock
from carnet_platform.errors import InvalidArgument, NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.notice_letter import Notice, NoticeOutcome
from carnet_identity.usecases.notice_letters import NoticeLetters
from carnet_identity.usecases.ports import Patients

CLOCKS_DIFFER = timedelta(seconds=60)
"""By how much the clocks of the system may differ (trial R9)."""


class Representing(Protocol):
    """Who represents a person."""

    async def of(self, patient: str, place_of_care: str) -> tuple[str, ...]:
        """`patients/{patient}` of each who does now and may hear of this place."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverNotice:
    """The use case."""

    client: Client
    patients: Patients
    representing: Representing
    letters: NoticeLetters
    requests: Requests
    clock: Clock
    wake: Callable[[], None]
    """Tells who sends letters that there may be some."""

    async def __call__(self, asked: Asked, notice: Notice) -> NoticeOutcome:
        """What becomes of it, once that is durable.

        Raises:
            InvalidArgument: `event_time` has not come.
            NotFound: no such person was ever registered.
        """
        if notice.event_time > self.clock.now() + CLOCKS_DIFFER:
            raise InvalidArgument("INVALID_FIELD", "must not be later than now", field="event_time")
        others = await self.representing.of(notice.patient, notice.place_of_care) if notice.tells_representatives else ()

        async def deliver(session: StoreSession) -> bytes:
            return (await self._deliver(session, notice, others)).value.encode()

        outcome = NoticeOutcome((await in_transaction(self.client, lambda session: self.requests.once(session, asked, deliver))).decode())
        if outcome is NoticeOutcome.QUEUED:
            self.wake()
        return outcome

    async def _deliver(self, session: StoreSession, notice: Notice, others: tuple[str, ...]) -> NoticeOutcome:
        person = await self.patients.find(notice.patient.partition("/")[2], session)
        if person is None:
            raise NotFound("NOT_FOUND", "there is no such person", field="patient")
        if person.is_deceased:
            return NoticeOutcome.PERSON_DECEASED
        told = (notice.patient, *others)
        is_any = await self.letters.queue(session, told, notice, self.clock.now())
        return NoticeOutcome.QUEUED if is_any else NoticeOutcome.NO_CHANNEL
