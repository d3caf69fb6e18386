"""Notes an address of a person and sends a code to it; the same address again sends a new code.

1. The person asks, or who may act for her; a retry with the same request_id gets the first answer and sends nothing.
2. The mail server answers as it should and the queue is not full; otherwise nothing is done (DEPENDENCY_UNAVAILABLE).
3. Too many codes to this person within an hour: refused, with an alarm. Too many to this mailbox, whoever asked: an alarm, and the same
   answer as ever, but no letter, because a refusal would tell that somebody else asks for it. Whether an address is another person's is
   never looked at.
4. In one transaction: the channel with the keyed hash of its code, the event of a new channel, the letter in the outbox, the answer.
5. The letter is sent from the outbox (`send_letters.py`), within a second or so.

Why an outbox and not the mail server within the call: whether a server took a letter cannot be known when the connection breaks, and a
code stored after a mail was sent, or a mail sent for a transaction that fails, would be half done. So the letter is stored with the code,
and 2 keeps the promise that adding fails when no mail can be sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import FailedPrecondition, NotFound, Refusal, ResourceExhausted, Unavailable
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.contact_channel import (
    CODE_DIGITS,
    HOUR,
    MOST_CHANNELS,
    ChannelKind,
    ContactChannel,
    ContactChannels,
    SentCode,
    TooManyChannelsError,
)
from carnet_identity.domain.letter import CONTACT_CODE, LetterTemplates
from carnet_identity.domain.mail_address import mailbox
from carnet_identity.usecases.acting_for import ActingFor
from carnet_identity.usecases.contact_ports import Channels, Letters, MailboxCounts, Mailer
from carnet_identity.usecases.events import CONTACT_CHANNEL_ADDED, event
from carnet_identity.usecases.ports import ChangeRecord, Patients

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewChannel:
    """What is asked for: the address parsed, the person by her opaque id."""

    patient_id: str
    kind: ChannelKind
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodeRules:
    """How long a code is good, and how many are sent within an hour."""

    lifetime: timedelta
    most_to_a_person: int
    most_to_a_mailbox: int
    longest_queue: int


Answer = Callable[[ContactChannels, ContactChannel, datetime], bytes]
"""Serialises the answer: the channel and until when its code is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContactChannel:
    """The use case."""

    client: Client
    acting: ActingFor
    patients: Patients
    channels: Channels
    counts: MailboxCounts
    letters: Letters
    mailer: Mailer
    templates: LetterTemplates
    changes: ChangeRecord
    requests: Requests
    clock: Clock
    rules: CodeRules
    wake: Callable[[], None]
    """Tells who sends letters that there is one."""

    async def __call__(self, asked: Asked, wanted: NewChannel, answer: Answer) -> bytes:
        """The channel with the time its code ends.

        Raises:
            Denied, Unauthenticated: who asks may not.
            Unavailable: DEPENDENCY_UNAVAILABLE; nothing was done.
            FailedPrecondition: no mail server is set, STATE_FORBIDS (five channels), PERSON_DECEASED.
            ResourceExhausted: RATE_LIMITED.
        """
        patient = f"patients/{wanted.patient_id}"
        await self.acting.user(patient)
        hindrance = await self._hindrance()

        async def add(session: StoreSession) -> bytes:
            if hindrance is not None:
                raise hindrance
            return await self._add(session, wanted, answer)

        try:
            given = await in_transaction(self.client, lambda session: self.requests.once(session, asked, add))
        except ResourceExhausted:
            _log.error("contact_codes.person_limit", patient=patient)
            raise
        self.wake()
        await self.acting.user(patient)
        return given

    async def _hindrance(self) -> Refusal | None:
        """Why no letter can be sent now."""
        try:
            await self.mailer.check()
        except Refusal as refusal:
            return refusal
        if await self.letters.length() >= self.rules.longest_queue:
            return Unavailable("DEPENDENCY_UNAVAILABLE", "too many letters wait to be sent", retry_after=timedelta(seconds=10))
        return None

    async def _add(self, session: StoreSession, wanted: NewChannel, answer: Answer) -> bytes:
        await self._check_alive(session, wanted.patient_id)
        now = self.clock.now()
        held = await self.channels.of(wanted.patient_id, session)
        self._check_rate(held, now)
        known = held.find_address(wanted.kind, wanted.address)
        channel = known or ContactChannel(id=new_id(), kind=wanted.kind, address=wanted.address)
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        sent = SentCode(mark=self.channels.mark(held.patient_id, channel.id, code), expire_time=now + self.rules.lifetime)
        try:
            await self.channels.put(session, held.with_code(channel, sent, now))
        except TooManyChannelsError:
            raise FailedPrecondition("STATE_FORBIDS", f"a person has at most {MOST_CHANNELS} channels; remove one first") from None
        before = await self.counts.count(session, mailbox(wanted.address), now, within=HOUR)
        is_flooded = before >= self.rules.most_to_a_mailbox
        if is_flooded:
            _log.error("contact_codes.mailbox_limit", patient=held.patient)
        await self._queue(session, held, channel, code, sent.expire_time, is_withheld=is_flooded)
        if known is None:
            payload = event(CONTACT_CHANNEL_ADDED, current_call(), now, subject=held.patient)
            await self.changes.append(session, held.subject, payload)
        return answer(held, channel, sent.expire_time)

    async def _check_alive(self, session: StoreSession, patient_id: str) -> None:
        patient = await self.patients.find(patient_id, session)
        if patient is None:
            raise NotFound("NOT_FOUND", "there is no such person", field="patient")
        if patient.is_deceased:
            raise FailedPrecondition("PERSON_DECEASED", "no mail is sent to a person who has died")

    def _check_rate(self, held: ContactChannels, now: datetime) -> None:
        times = held.codes_within_an_hour(now)
        if len(times) >= self.rules.most_to_a_person:
            retry_after = times[-self.rules.most_to_a_person] + HOUR - now
            raise ResourceExhausted("RATE_LIMITED", "too many codes were sent within an hour", retry_after=retry_after)

    async def _queue(
        self, session: StoreSession, held: ContactChannels, channel: ContactChannel, code: str, end: datetime, *, is_withheld: bool
    ) -> None:
        minutes = str(int(self.rules.lifetime.total_seconds()) // 60)
        letter = self.templates.write(CONTACT_CODE, letter_id=new_id(), to=channel.address, code=code, minutes=minutes)
        now = self.clock.now()
        await self.letters.add(session, letter, held.patient_id, channel.id, now=now, expire_time=end, is_withheld=is_withheld)
