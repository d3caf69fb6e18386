"""What every release shares: the permit it is sent under, its renewal, and what is written when it ends too early or too late."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from carnet.audit.v1 import event_pb2
from carnet_platform.canonical import canonical_json
from carnet_platform.clock import Clock
from carnet_platform.envelope import EnvelopeError
from carnet_platform.journal import Journal
from carnet_platform.permits import Permit, release_under

from carnet_documents.domain.decision import Action
from carnet_documents.domain.entry import Entry
from carnet_documents.domain.placement import Placement
from carnet_documents.domain.visibility import hidden_from
from carnet_documents.storage.record_keys import RecordKeys
from carnet_documents.storage.stored import Broken, Found, Opened
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.events import event
from carnet_documents.usecases.refusals import absent
from carnet_documents.usecases.refused_accesses import RefusedAccesses
from carnet_documents.usecases.shown import document_name

_NO_KEY = bytes(32)
"""Opens nothing: a record without a key has no readable document."""

_AFTERWARDS = timedelta(seconds=2)
"""How long what is told of a release that failed may take, however little the call that failed has left."""

StillHolds = Callable[[HeldPermit], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Told:
    """What an event says of the release: kind apart."""

    record: str
    document: str = ""
    title: str = ""
    type_code: str = ""
    hidden_from: tuple[str, ...] = ()


def told_of(placement: Placement, entry: Entry, now: datetime) -> Told:
    """What an event says of one document."""
    return Told(
        record=placement.record,
        document=document_name(placement.record, placement.document),
        title=entry.title,
        type_code=entry.type.code,
        hidden_from=hidden_from(placement.labels(now)),
    )


class Releases:
    """Writes releases down and sends them under a permit."""

    def __init__(self, decisions: Decisions, keys: RecordKeys, journal: Journal, refused: RefusedAccesses, clock: Clock) -> None:
        self._decisions = decisions
        self._keys = keys
        self._journal = journal
        self._refused = refused
        self._clock = clock

    async def key(self, held: HeldPermit, record: str) -> bytes | None:
        """The record's key, kept on the permit and no longer."""
        if held.record_key is None:
            held.record_key = await self._keys.find(record)
        return held.record_key

    async def refuse_absent(self, record: str, held: HeldPermit) -> NoReturn:
        """Write down that a document absent or hidden was asked for, and raise; the event does not tell which."""
        refusal = absent()
        await self._refused.record(record, refusal, rule=held.allowed.rule)
        raise refusal

    async def open(self, found: Found, key: bytes | None, held: HeldPermit) -> Opened:
        """The document opened. What does not open in its place (trial S9) is written down and never released."""
        try:
            return Opened(found, key or _NO_KEY)
        except EnvelopeError:
            await self.unreadable(found, held)
            raise

    async def unreadable(self, found: Found, held: HeldPermit) -> None:
        """Write down that what is stored is not what was deposited."""
        placement = found.placement
        name = document_name(placement.record, placement.document)
        told = Told(placement.record, name, hidden_from=hidden_from(placement.labels(self._clock.now())))
        await self._append(self._event("document.unreadable", told, held, decision="deny", reason="INTERNAL"))

    async def distrust(self, broken: Broken, held: HeldPermit) -> None:
        """Write down that a document was met and not believed."""
        told = Told(broken.record, document_name(broken.record, broken.document), hidden_from=hidden_from(broken.labels))
        await self._append(self._event(broken.kind, told, held, decision="deny", reason="INTERNAL"))

    async def announce(self, kind: str, told: Told, held: HeldPermit) -> None:
        """Return once the event is durable. Raises ``Unavailable`` EVENT_NOT_DURABLE."""
        await self._append(self._event(kind, told, held, decision="permit"))

    def release(self, told: Told, held: HeldPermit, still_holds: StillHolds, action: Action = Action.READ) -> None:
        """Have the answer sent under ``held``. A renewal asks consent again for ``action``, and ``still_holds`` of the new permit."""
        release_under(self._permit(told, held, still_holds, action))

    def _permit(self, told: Told, held: HeldPermit, still_holds: StillHolds, action: Action) -> Permit:
        async def renew() -> Permit | None:
            renewed = await self._decisions.ask(told.record, action)
            if not isinstance(renewed, HeldPermit) or not await still_holds(renewed):
                return None
            return self._permit(told, renewed, still_holds, action)

        async def withdrawn() -> None:
            await self._afterwards(self._event("release.withdrawn", told, held, decision="deny", reason="PERMIT_WITHDRAWN"))

        async def late() -> None:
            await self._afterwards(self._event("release.late", told, held, decision="permit"))

        return Permit(self._clock, held.sent, held.usable_for, renew=renew, withdrawn=withdrawn, late=late)

    def _event(self, kind: str, told: Told, held: HeldPermit, *, decision: str, reason: str = "") -> event_pb2.Event:
        return event(
            kind,
            self._clock.now(),
            told.record,
            hidden_from=told.hidden_from,
            document=told.document,
            document_title=told.title,
            document_type=told.type_code,
            decision=decision,
            reason=reason,
            rule=held.allowed.rule,
            emergency_episode=held.allowed.emergency_episode,
        )

    async def _append(self, told: event_pb2.Event) -> None:
        await self._journal.append(canonical_json(told))

    async def _afterwards(self, told: event_pb2.Event) -> None:
        # In a task of its own: the end of the call that overslept would take the event out of the queue.
        await asyncio.shield(asyncio.ensure_future(self._journal.append(canonical_json(told), timeout=_AFTERWARDS)))
