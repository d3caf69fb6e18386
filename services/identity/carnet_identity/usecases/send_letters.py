"""Sends the letters of an outbox, each once as far as SMTP or a webhook allows. Runs as long as the process lives.

It runs once for mail and once for push, so that the one never waits for the other.

1. Something is due, and the mail server answers as it should: otherwise nothing is taken, so that an outage costs no attempt. A push
   gateway is not asked before.
2. One letter is taken, and nobody else gets it for two minutes.
3. Accepted: forgotten. Refused because of the address: the channel is marked undeliverable and the letter forgotten, in one transaction.
   Anything else: due again after a growing pause, until its attempts or its time are over; then an alarm says that it was not delivered.

A process that dies between the server's yes and the forgetting leaves the letter due again after two minutes: twice rather than never,
with the same Message-ID and, for a code, the same code. Letters to a person who has died are forgotten (rules.md 17).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from carnet_platform.clock import Clock
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import Refusal
from carnet_platform.mongo import Client, in_transaction, raise_if_cancelled
from carnet_platform.mongo import Session as StoreSession
from pymongo.errors import PyMongoError

from carnet_identity.domain.contact_channel import ChannelKind
from carnet_identity.domain.letter import Delivery
from carnet_identity.usecases.contact_ports import Channels, Mailer, Taken
from carnet_identity.usecases.ports import Patients

TAKEN_FOR = timedelta(minutes=2)
_SHORTEST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=30)
_LONGEST_REST = timedelta(seconds=15)
_log = structlog.get_logger(__name__)


class Queue(Protocol):
    """The outbox, as its sender sees it."""

    async def is_any_due(self, now: datetime) -> bool:
        """Whether there is something to take."""
        ...

    async def take(self, now: datetime, *, again_after: timedelta) -> Taken | None:
        """One that is due; nobody else gets it until `again_after`."""
        ...

    async def done(self, letter_id: str, session: StoreSession | None = None) -> None:
        """Forgets one."""
        ...

    async def put_back(self, letter_id: str, attempts: int, due: datetime) -> None:
        """Makes one due at an instant, unless it was taken again meanwhile."""
        ...

    async def take_expired(self, now: datetime) -> tuple[str, bool] | None:
        """Forgets one whose time is over; its id and whether it was to be sent."""
        ...


@dataclass(slots=True, kw_only=True)
class SendLetters:
    """The background job."""

    client: Client
    queue: Queue
    channels: Channels
    patients: Patients
    mailer: Mailer
    clock: Clock
    every: timedelta
    """Pause between two looks when nobody wakes it."""
    at_once: int
    """Letters on their way at once."""
    most_attempts: int
    kind: ChannelKind = ChannelKind.EMAIL
    jitter: Callable[[], float] = lambda: 1.0
    """By what a pause is multiplied."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def wake(self) -> None:
        """Says that something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Sends and forgets what is over, again and again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again_and_again(self.forget_expired))
            for _ in range(self.at_once):
                group.create_task(self._again_and_again(self.send_one))

    async def send_one(self) -> bool:
        """Sends one letter, if one is due; whether there was one. Raises Refusal when the mail server does not answer."""
        if not await self.queue.is_any_due(self.clock.now()):
            return False
        await self.mailer.check()
        taken = await self.queue.take(self.clock.now(), again_after=TAKEN_FOR)
        if taken is None:
            return False
        patient = await self.patients.find(taken.patient_id)
        if patient is None or patient.is_deceased:
            await self.queue.done(taken.letter.id)
            return True
        await self._settle(taken, await self.mailer.send(taken.letter))
        return True

    async def forget_expired(self) -> bool:
        """Forgets one letter whose time is over; whether there was one."""
        over = await self.queue.take_expired(self.clock.now())
        if over is not None and over[1]:
            self._give_up(over[0])
        return over is not None

    async def _settle(self, taken: Taken, delivery: Delivery) -> None:
        if delivery is Delivery.ACCEPTED:
            await self.queue.done(taken.letter.id)
            self._tell("sent", letter=taken.letter.id, attempts=taken.attempts)
        elif delivery is Delivery.NO_SUCH_ADDRESS:
            await self._mark_undeliverable(taken)
        else:
            due = self.clock.now() + min(_SHORTEST_PAUSE * 2 ** min(taken.attempts - 1, 10), _LONGEST_PAUSE) * self.jitter()
            if taken.attempts < self.most_attempts and due < taken.expire_time:
                await self.queue.put_back(taken.letter.id, taken.attempts, due)
            else:
                await self.queue.done(taken.letter.id)
                self._give_up(taken.letter.id)

    def _give_up(self, letter_id: str) -> None:
        if self.kind is ChannelKind.PUSH:
            _log.error("push.not_delivered", letter=letter_id)
        else:
            _log.error("mail.not_delivered", letter=letter_id)

    def _tell(self, what: str, **more: str | int) -> None:
        _log.info(f"{self._word}.{what}", **more)

    @property
    def _word(self) -> str:
        return "push" if self.kind is ChannelKind.PUSH else "mail"

    async def _mark_undeliverable(self, taken: Taken) -> None:
        async def body(session: StoreSession) -> None:
            held = await self.channels.of(taken.patient_id, session)
            channel = held.find(taken.channel_id)
            if channel is not None and channel.address == taken.letter.to:
                await self.channels.put(session, held.undeliverable(channel))
            await self.queue.done(taken.letter.id, session)

        await in_transaction(self.client, body)
        self._tell("undeliverable", letter=taken.letter.id)

    async def _again_and_again(self, once: Callable[[], Awaitable[bool]]) -> None:
        pause = self.every
        while True:
            raise_if_cancelled()
            try:
                is_more = await once()
            except (Refusal, PyMongoError, EnvelopeError) as error:
                _log.warning(f"{self._word}.waiting", kind=type(error).__name__)
                # Not woken meanwhile: a new letter is no reason to ask sooner what has just failed.
                await asyncio.sleep(pause.total_seconds())
                pause = min(pause * 2, _LONGEST_REST)
                continue
            pause = self.every
            if not is_more:
                await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self.every.total_seconds()):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()
