"""Taking in what services recorded: streams with their batches, and changes.

Order of the checks: whose stream it is, then whether the batch holds together (chain and signature under the stream's key), then
where it belongs. Everything is idempotent: the same content at the same place is acknowledged again. Refuses another service's
stream (CALLER_NOT_ALLOWED), a hole (SEQUENCE_GAP with the number expected as `expected` in the metadata), another content at a
taken place (SEQUENCE_CONFLICT), and a text that is no event (INVALID_FIELD: it would become a line nobody can read).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from carnet_platform.changes import ShippedChange
from carnet_platform.clock import Clock
from carnet_platform.errors import Aborted, Denied, FailedPrecondition, InvalidArgument, NotFound, Refusal
from carnet_platform.journal.batch import SALT_BYTES, BatchError, JournalBatch, SealedEvent
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from carnet_audit.domain.events import MalformedEventError, RecordedEvent, read_event
from carnet_audit.storage.intake import ConflictError, IntakeStore, StreamState, TakenEvent

NEXT_SEQ = "expected"
"""Key of the metadata of SEQUENCE_GAP."""


class Wake(Protocol):
    """Tells the sequencer that something came."""

    def __call__(self) -> None:
        """Wake it."""
        ...


class TakeIn:
    """The intake, for one process."""

    def __init__(self, store: IntakeStore, clock: Clock, wake: Wake) -> None:
        self._store, self._clock, self._wake = store, clock, wake

    async def register(self, service: str, stream: str, public_key: bytes) -> int:
        """Make a stream of `service` known; the next number expected. The key of a known stream cannot be replaced."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key)
        except ValueError:
            raise InvalidArgument("INVALID_FIELD", "must be an Ed25519 public key of 32 bytes", field="public_key") from None
        state = await self._store.register(stream, service, public_key, self._clock.now())
        _check_owner(state, service)
        if state.public_key != public_key:
            raise Aborted("SEQUENCE_CONFLICT", "the stream is known with another key")
        await self._store.note_heard(stream, self._clock.now())
        return state.next_seq

    async def append(self, service: str, stream: str, batches: Sequence[JournalBatch]) -> int:
        """Take in batches of a stream, in order and together; none is a sign of life. The next number expected."""
        state = await self._find(service, stream)
        if not batches:
            await self._store.note_heard(stream, self._clock.now())
            return state.next_seq
        taken = [self._opened(state, place, batch) for place, batch in enumerate(batches)]
        while True:
            after, fresh = await self._follow(state, batches, taken)
            if after == state or await self._store.append(state, fresh, after, self._clock.now()):
                break
            state = await self._find(service, stream)
        self._wake()
        return after.next_seq

    def _opened(self, state: StreamState, place: int, batch: JournalBatch) -> list[TakenEvent]:
        try:
            batch.check(state.public_key)
        except BatchError as error:
            raise InvalidArgument("INVALID_FIELD", f"must hold together: {error}", field=f"batches[{place}]") from None
        producer = f"{state.service}/streams/{state.stream}"
        return [
            TakenEvent(producer, batch.first_seq + number, _read(sealed, f"batches[{place}].events[{number}]"), sealed)
            for number, sealed in enumerate(batch.events)
        ]

    async def _follow(
        self, state: StreamState, batches: Sequence[JournalBatch], taken: Sequence[list[TakenEvent]]
    ) -> tuple[StreamState, list[TakenEvent]]:
        """Where these batches take a stream, and the events that are new to it."""
        fresh: list[TakenEvent] = []
        for batch, events in zip(batches, taken, strict=True):
            if batch.first_seq > state.next_seq:
                raise FailedPrecondition(
                    "SEQUENCE_GAP", "an earlier part of the stream is missing", metadata={NEXT_SEQ: str(state.next_seq)}
                )
            if batch.first_seq < state.next_seq or state.is_closed:
                await self._compare(state, batch, [event for event in events if event not in fresh])
                continue
            if batch.prev_head != state.head:
                raise _conflict()
            state = replace(state, next_seq=batch.next_seq, head=batch.head, is_closed=batch.closing)
            fresh += events
        return state, fresh

    async def _compare(self, state: StreamState, batch: JournalBatch, events: list[TakenEvent]) -> None:
        if batch.closing:
            is_known = state.is_closed and (batch.first_seq, batch.head) == (state.next_seq, state.head)
        else:
            is_known = batch.next_seq <= state.next_seq and (not events or await self._store.holds(events))
        if not is_known:
            raise _conflict()

    async def change(self, service: str, changes: Sequence[ShippedChange]) -> None:
        """Take in changes of subjects of `service`; those that came early are kept until the missing one arrives."""
        events = []
        for place, change in enumerate(changes):
            event = _read(change.event, f"changes[{place}].event")
            if change.subject.startswith("records/") and event.record != change.subject:
                raise InvalidArgument(
                    "INVALID_FIELD", "must be about the record whose change it is", field=f"changes[{place}].event.payload"
                )
            events.append(TakenEvent(f"{service}/changes/{change.subject}", change.revision, event, change.event))
        if len({event.key for event in events}) != len(events):
            raise InvalidArgument("INVALID_FIELD", "must not name a revision twice", field="changes")
        try:
            await self._store.place_changes(events, self._clock.now())
        except ConflictError:
            raise _conflict() from None
        self._wake()

    async def _find(self, service: str, stream: str) -> StreamState:
        state = await self._store.find_stream(stream)
        if state is None:
            raise NotFound("NOT_FOUND", "the stream is not registered", field="stream")
        _check_owner(state, service)
        return state


def _read(sealed: SealedEvent, field: str) -> RecordedEvent:
    if len(sealed.salt) != SALT_BYTES:
        raise InvalidArgument("INVALID_FIELD", f"must have {SALT_BYTES} bytes", field=f"{field}.salt")
    try:
        return read_event(sealed.payload)
    except MalformedEventError as error:
        raise InvalidArgument("INVALID_FIELD", str(error), field=f"{field}.payload") from None


def _check_owner(state: StreamState, service: str) -> None:
    if state.service != service:
        raise Denied("CALLER_NOT_ALLOWED", "the stream belongs to another service")


def _conflict() -> Refusal:
    return Aborted("SEQUENCE_CONFLICT", "another content is stored at this place")
