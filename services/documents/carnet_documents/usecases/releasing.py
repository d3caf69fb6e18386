"""What every release shares: the permit it is sent under, its renewal, and what is written when it ends too early or too late."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

from carnet.audit.v1 import event_pb2
from carnet_platform.canonical import canonical_json
from carnet_platform.clock import Clock
from carnet_platform.envelope import EnvelopeError
from carnet_platform.journal import Journal
from carnet_platform.permits import Permit, release_under

from carnet_documents.domain.decision import Action
from carnet_documents.storage.record_keys import RecordKeys
from carnet_documents.storage.stored import Found, Opened
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.events import event
from carnet_documents.usecases.refusals import absent
from carnet_documents.usecases.refused_accesses import RefusedAccesses

_NO_KEY = bytes(32)
"""Opens nothing: a record without a key has no readable document."""

StillHolds = Callable[[HeldPermit], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Told:
    """What an event says of the release: kind apart."""

    record: str
    document: str = ""
    title: str = ""
    type_code: str = ""
    hidden_from: tuple[str, ...] = ()


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
        name = f"records/{found.placement.record}/documents/{found.placement.document}"
        record = found.placement.record
        await self._append(self._event("document.unreadable", Told(record, name), held, decision="deny", reason="INTERNAL"))

    async def announce(self, kind: str, told: Told, held: HeldPermit) -> None:
        """Return once the event is durable. Raises ``Unavailable`` EVENT_NOT_DURABLE."""
        await self._append(self._event(kind, told, held, decision="permit"))

    def release(self, told: Told, held: HeldPermit, still_holds: StillHolds) -> None:
        """Have the answer sent under ``held``. A renewal asks consent again and ``still_holds`` of the new permit."""
        release_under(self._permit(told, held, still_holds))

    def _permit(self, told: Told, held: HeldPermit, still_holds: StillHolds) -> Permit:
        async def renew() -> Permit | None:
            renewed = await self._decisions.ask(told.record, Action.READ)
            if not isinstance(renewed, HeldPermit) or not await still_holds(renewed):
                return None
            return self._permit(told, renewed, still_holds)

        async def withdrawn() -> None:
            await self._append(self._event("release.withdrawn", told, held, decision="deny", reason="PERMIT_WITHDRAWN"))

        async def late() -> None:
            await self._append(self._event("release.late", told, held, decision="permit"))

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
