"""How every change of a record is made: one transaction that holds the record's next revision, its event, and the answer.

1. nobody withdrawn acts;
2. a request that was answered before gets the same answer;
3. the record is read; what is unreadable, or older than its last event, is not changed;
4. the rules make the next state, or refuse;
5. record, its kept history, event and answer are stored together: one revision more for each event;
6. a withdrawal is acknowledged only when no permit given before it can still be used.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from carnet.audit.v1.event_pb2 import Event
from carnet_platform.changes import ChangeLog
from carnet_platform.clock import Clock
from carnet_platform.errors import Unavailable
from carnet_platform.idempotency import Requests
from carnet_platform.mongo import Client, Session, in_transaction
from google.protobuf.message import Message

from carnet_consent.domain.consent import Consent, contradictions
from carnet_consent.domain.decision import Unreadable
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.fences import Fences
from carnet_consent.storage.history import History
from carnet_consent.storage.records import Records
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.events import payload
from carnet_consent.usecases.mandates import check_not_over

T = TypeVar("T")
_WITHDREW, _GRANTED = b"\x01", b"\x00"


@dataclass(frozen=True, slots=True)
class Changed(Generic[T]):
    """What the rules made of a record."""

    consent: Consent
    """The next state; its revision is counted here by `Changes`."""
    events: tuple[Event, ...]
    """One for each revision; none when nothing changed."""
    result: T
    """What the answer is made of."""
    withdraws: bool = False
    """Whether somebody may do less than before."""


class Follower(Protocol):
    """What is kept beside records, in step with them."""

    async def follow(self, session: Session, before: Consent, after: Consent, events: Sequence[Event]) -> None:
        """Follow a change of a record, inside its transaction."""


Also = Callable[[Session, Consent, datetime], Awaitable[None]]
"""What one change does beside the record's: given what was stated before. It may refuse by a RuleBrokenError."""


@dataclass(frozen=True)
class Changes:
    """Makes changes."""

    client: Client
    records: Records
    history: History
    fences: Fences
    requests: Requests
    log: ChangeLog
    clock: Clock
    acknowledge_after: timedelta
    timeout: timedelta
    followers: tuple[Follower, ...] = ()

    async def apply(
        self,
        write: Write,
        record: str,
        change: Callable[[Consent, datetime], Changed[T]],
        answer: Callable[[Changed[T]], Message],
        *,
        also: Also | None = None,
    ) -> bytes:
        """Change a record, do what goes with it in the same transaction, and return the serialised answer.

        Raises RuleBrokenError when a rule forbids it, Unavailable when the store does not answer in time.
        """

        async def made(session: Session, now: datetime) -> bytes:
            before = await self._readable(session, record)
            changed = change(before, now)
            if also is not None:
                await also(session, before, now)
            return _flagged(await self._stored(session, before, changed, now), answer)

        return await self.once(write, made)

    async def by_itself(self, record: str, change: Callable[[Consent, datetime], Changed[T]], *, also: Also | None = None) -> bool:
        """Change a record though nobody asks: because its time has come, or because of what another service tells.

        Returns whether anything changed: whoever comes second finds nothing left to do, which his rule says by no event; then nothing
        else is done either.
        """
        return await self._in_time(lambda session: self.within(session, record, change, also=also))

    async def within(
        self, session: Session, record: str, change: Callable[[Consent, datetime], Changed[T]], *, also: Also | None = None
    ) -> bool:
        """The same inside the transaction of something else. Nobody's withdrawal is acknowledged by that."""
        before, now = await self._readable(session, record), self.clock.now()
        changed = change(before, now)
        if changed.events and also is not None:
            await also(session, before, now)
        await self._stored(session, before, changed, now)
        return bool(changed.events)

    async def take_in(self, made: Sequence[Changed[None]]) -> None:
        """Store new records that come from elsewhere, each with its events: all of them, or none.

        RECORD_EXISTS when one of the persons has a record already, or one of these was taken in before.
        """

        async def body(session: Session) -> None:
            await self._born(session, made, self.clock.now())

        await self._in_time(body)

    async def create(self, write: Write, make: Callable[[datetime], Changed[T]], answer: Callable[[Changed[T]], Message]) -> bytes:
        """Store a new record and return the serialised answer."""

        async def made(session: Session, now: datetime) -> bytes:
            (changed,) = await self._born(session, [make(now)], now)
            return _flagged(changed, answer)

        return await self.once(write, made)

    async def once(self, write: Write, made: Callable[[Session, datetime], Awaitable[bytes]]) -> bytes:
        """Run `made` in a transaction unless this request was answered before; wait when its answer acknowledges a withdrawal."""
        acting = write.acting

        async def body(session: Session) -> bytes:
            now = self.clock.now()
            if await self.fences.withdrawn(session, acting.fences, now):
                raise RuleBrokenError("SESSION_WITHDRAWN", "This session has ended. Log in again.")
            check_not_over(acting.asker, now)
            return await self.requests.once(session, write.asked, lambda session: made(session, now))

        flagged = await self._in_time(body)
        if flagged[:1] == _WITHDREW:
            # A repeated request waits as well: its first answer may have been lost before the wait was over.
            await asyncio.sleep(self.acknowledge_after.total_seconds())
        return flagged[1:]

    async def _in_time(self, body: Callable[[Session], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                return await in_transaction(self.client, body)
        except TimeoutError:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the store does not answer", retry_after=timedelta(seconds=1)) from None

    async def _born(self, session: Session, made: Sequence[Changed[T]], now: datetime) -> list[Changed[T]]:
        """Store new records at the revision of their events."""
        born = [replace(one, consent=replace(one.consent, revision=len(one.events))) for one in made]
        await self.records.insert(session, *(one.consent for one in born))
        await self.history.append(session, 0, *(one.consent for one in born), now=now)
        await self._record(session, 0, *born)
        for changed in born:
            for follower in self.followers:
                await follower.follow(session, changed.consent, changed.consent, changed.events)
        return born

    async def _readable(self, session: Session, record: str) -> Consent:
        consent = await self.records.read(session, record)
        if consent is None:
            raise RuleBrokenError("NOT_FOUND", "There is no such record.")
        if isinstance(consent, Unreadable) or any(contradictions(consent)):
            raise RuleBrokenError("CONSENT_UNREADABLE", "What the record states cannot be read with certainty. Call the operator.")
        if await self.log.last_revision(record, session=session) != consent.revision:
            raise RuleBrokenError("CONSENT_UNREADABLE", "The record is older than its last event. Call the operator.")
        return consent

    async def _stored(self, session: Session, before: Consent, changed: Changed[T], now: datetime) -> Changed[T]:
        if not changed.events:
            return changed
        after = replace(changed.consent, revision=before.revision + len(changed.events))
        changed = replace(changed, consent=after)
        await self.records.replace(session, before, after)
        await self.history.append(session, before.revision, after, now=now)
        await self._record(session, before.revision, changed)
        for follower in self.followers:
            await follower.follow(session, before, after, changed.events)
        return changed

    async def _record(self, session: Session, revision: int, *changed: Changed[T]) -> None:
        told = [(one.consent.record, number, made) for one in changed for number, made in enumerate(one.events, start=revision + 1)]
        await self.log.append_all(session, [(record, number, payload(made)) for record, number, made in told])


def _flagged(changed: Changed[T], answer: Callable[[Changed[T]], Message]) -> bytes:
    return (_WITHDREW if changed.withdraws else _GRANTED) + answer(changed).SerializeToString()
