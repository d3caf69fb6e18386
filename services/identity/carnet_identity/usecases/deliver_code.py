"""Sends a person a code that another service made, to each of her verified addresses and to nobody else: who gives it back reads her mail.

As `deliver_notice.py`: the letters are in the outbox once this returns, and a repeated request queues none twice. What the code is for is
known to who made it; here it is six digits in a letter, and is kept no longer than the letter waits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from carnet_platform.clock import Clock
from carnet_platform.errors import InvalidArgument, NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.letter import CONFIRMATION_CODE, LetterTemplates
from carnet_identity.domain.notice_letter import NoticeOutcome
from carnet_identity.usecases.contact_ports import Channels, Letters
from carnet_identity.usecases.ports import Patients

LONGEST = timedelta(hours=1)
"""How long a code may be good."""
CODE = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class CodeFor:
    """A code and whom it is for."""

    patient: str
    """`patients/{patient}`."""
    code: str = field(repr=False)
    expire_time: datetime = field()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverCode:
    """The use case."""

    client: Client
    patients: Patients
    channels: Channels
    letters: Letters
    templates: LetterTemplates
    requests: Requests
    clock: Clock
    wake: Callable[[], None]
    """Tells who sends letters that there may be some."""

    async def __call__(self, asked: Asked, wanted: CodeFor) -> NoticeOutcome:
        """What becomes of it, once that is durable.

        Raises:
            InvalidArgument: INVALID_FIELD, for no six digits, or an end that is more than an hour off.
            NotFound: no such person was ever registered.
        """
        if CODE.fullmatch(wanted.code) is None:
            raise InvalidArgument("INVALID_FIELD", "must be six digits", field="code")
        if wanted.expire_time > self.clock.now() + LONGEST:
            raise InvalidArgument("INVALID_FIELD", "must be within an hour", field="expire_time")

        async def deliver(session: StoreSession) -> bytes:
            return (await self._deliver(session, wanted)).value.encode()

        outcome = NoticeOutcome((await in_transaction(self.client, lambda session: self.requests.once(session, asked, deliver))).decode())
        if outcome is NoticeOutcome.QUEUED:
            self.wake()
        return outcome

    async def _deliver(self, session: StoreSession, wanted: CodeFor) -> NoticeOutcome:
        patient_id, now = wanted.patient.partition("/")[2], self.clock.now()
        person = await self.patients.find(patient_id, session)
        if person is None:
            raise NotFound("NOT_FOUND", "there is no such person", field="patient")
        if person.is_deceased:
            return NoticeOutcome.PERSON_DECEASED
        told = (await self.channels.of(patient_id, session)).to_be_told()
        minutes = str(max(1, math.ceil((wanted.expire_time - now) / timedelta(minutes=1))))
        for channel in told:
            letter = self.templates.write(CONFIRMATION_CODE, letter_id=new_id(), to=channel.address, code=wanted.code, minutes=minutes)
            await self.letters.add(session, letter, patient_id, channel.id, now=now, expire_time=wanted.expire_time)
        return NoticeOutcome.QUEUED if told else NoticeOutcome.NO_CHANNEL
