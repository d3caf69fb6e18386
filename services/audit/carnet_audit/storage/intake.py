"""What was taken in: streams, subjects, events, each batch or set of changes in one transaction.

Promises that an acknowledged event is stored by a majority, in its place, once; that a place holds the same event for ever; and that
of one producer nothing becomes visible to the sequencer before what precedes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carnet_platform.journal.batch import SealedEvent
from carnet_platform.mongo import Session, conflict, in_transaction
from pymongo import UpdateMany, UpdateOne
from pymongo.errors import DuplicateKeyError

from carnet_audit.domain.events import RecordedEvent
from carnet_audit.domain.revisions import Place, place_change, run_from
from carnet_audit.storage.collections import Collections
from carnet_audit.storage.record_keys import RecordKeys, seal_event

_DIGITS = 15


@dataclass(frozen=True)
class TakenEvent:
    """An event on its way in: its producer (`<service>/streams/<id>` or `<service>/changes/<subject>`) and number there."""

    producer: str
    number: int
    event: RecordedEvent
    sealed: SealedEvent

    @property
    def key(self) -> str:
        """Where it is stored; within a producer these sort by number."""
        return f"{self.producer}/{self.number:0{_DIGITS}d}"


@dataclass(frozen=True)
class StreamState:
    """A stream as the log knows it."""

    stream: str
    service: str
    public_key: bytes
    next_seq: int
    head: bytes
    is_closed: bool


class ConflictError(Exception):
    """Another content is stored at this place."""


class IntakeStore:
    """Streams, subjects and events."""

    def __init__(self, collections: Collections, keys: RecordKeys) -> None:
        self._all, self._keys = collections, keys

    async def register(self, stream: str, service: str, public_key: bytes, now: datetime) -> StreamState:
        """Make a stream known, or find it as it is."""
        fresh = {"service": service, "public_key": public_key, "next_seq": 0, "head": b"", "is_closed": False, "arrive_time": now}
        heard = {"heard_time": now, "is_alarmed": False}
        await self._all.streams.update_one({"_id": stream}, {"$setOnInsert": {**fresh, **heard}}, upsert=True)
        state = await self.find_stream(stream)
        if state is None:
            raise RuntimeError("a stream that was just stored is gone")
        return state

    async def find_stream(self, stream: str) -> StreamState | None:
        """The stream, or None."""
        found = await self._all.streams.find_one({"_id": stream})
        return None if found is None else _stream(found)

    async def note_heard(self, stream: str, now: datetime) -> None:
        """The stream gave a sign of life."""
        await self._all.streams.update_one({"_id": stream}, {"$max": {"heard_time": now}, "$set": {"is_alarmed": False}})

    async def append(self, state: StreamState, events: Sequence[TakenEvent], after: StreamState, now: datetime) -> bool:
        """Store events that take `state` to `after`; False when the stream has moved meanwhile."""
        documents = await self._documents(events)

        async def body(session: Session) -> bool:
            found = await self._all.streams.find_one(
                {"_id": state.stream, "next_seq": state.next_seq, "head": state.head, "is_closed": False}, session=session
            )
            if found is None:
                return False
            arrived = max(now, found["arrive_time"])
            changes = {"next_seq": after.next_seq, "head": after.head, "is_closed": after.is_closed, "arrive_time": arrived}
            await self._all.streams.update_one(
                {"_id": state.stream}, {"$set": {**changes, "is_alarmed": False}, "$max": {"heard_time": now}}, session=session
            )
            if documents:
                ready = [{**document, "state": "pending", "arrive_time": arrived} for document in documents]
                await self._all.events.insert_many(ready, session=session)
            return True

        return await in_transaction(self._all.client, body)

    async def holds(self, events: Sequence[TakenEvent]) -> bool:
        """Are exactly these events stored at their places?"""
        wanted = {event.key: event.sealed.commitment for event in events}
        found = self._all.events.find({"_id": {"$in": list(wanted)}}, {"commitment": 1})
        return {document["_id"]: bytes(document["commitment"]) async for document in found} == wanted

    async def place_changes(self, events: Sequence[TakenEvent], now: datetime) -> None:
        """Store changes: those expected next become visible, with what waited for them; later ones wait. Raises ConflictError."""
        documents = {document["_id"]: document for document in await self._documents(events)}

        async def body(session: Session) -> None:
            known = await self._known(documents, session)
            new: dict[str, dict[int, dict[str, Any]]] = {}
            for event in events:
                if event.key not in known:
                    new.setdefault(event.producer, {})[event.number] = documents[event.key]
            try:
                if new:
                    await self._place(new, now, session)
            except DuplicateKeyError:
                raise conflict("the same changes are being stored twice at once") from None

        await in_transaction(self._all.client, body)

    async def _known(self, documents: dict[str, dict[str, Any]], session: Session) -> set[str]:
        known = set()
        async for found in self._all.events.find({"_id": {"$in": list(documents)}}, {"commitment": 1}, session=session):
            if bytes(found["commitment"]) != documents[found["_id"]]["commitment"]:
                raise ConflictError
            known.add(found["_id"])
        return known

    async def _place(self, new: dict[str, dict[int, dict[str, Any]]], now: datetime, session: Session) -> None:
        """Place the new changes of many subjects in a few round trips, however many subjects there are."""
        whose = {"$in": list(new)}
        subjects = {found["_id"]: found async for found in self._all.subjects.find({"_id": whose}, session=session)}
        kept: dict[str, set[int]] = {}
        async for found in self._all.events.find({"producer": whose, "state": "waiting"}, {"producer": 1, "number": 1}, session=session):
            kept.setdefault(found["producer"], set()).add(found["number"])
        rows: list[dict[str, Any]] = []
        releases: list[UpdateMany] = []
        updates: list[UpdateOne] = []
        for producer, numbers in sorted(new.items()):
            expected, arrived = _standing(subjects.get(producer), now)
            if any(place_change(number, expected) is Place.KNOWN for number in numbers):
                raise RuntimeError("a change that was acknowledged is gone")  # the hole itself is the watch's to tell
            waiting = kept.get(producer, set())
            reached = run_from(expected, waiting | numbers.keys())
            for number, document in numbers.items():
                rows.append({**document, "state": "pending" if number < reached else "waiting", "arrive_time": arrived})
            if released := [number for number in waiting if number < reached]:
                wanted = {"producer": producer, "state": "waiting", "number": {"$in": released}}
                releases.append(UpdateMany(wanted, {"$set": {"state": "pending", "arrive_time": arrived}}))
            updates.append(UpdateOne({"_id": producer}, {"$set": {"expected": reached, "arrive_time": arrived}}, upsert=True))
        await self._all.events.insert_many(rows, session=session)
        if releases:
            await self._all.events.bulk_write(releases, session=session)
        await self._all.subjects.bulk_write(updates, session=session)

    async def _documents(self, events: Sequence[TakenEvent]) -> list[dict[str, Any]]:
        keys = await self._keys.load({event.event.record for event in events})
        return [_document(event, keys[event.event.record]) for event in events]


def _standing(subject: dict[str, Any] | None, now: datetime) -> tuple[int, datetime]:
    """The revision expected next of a subject, and when its next changes count as arrived: never before those it has."""
    return (1, now) if subject is None else (subject["expected"], max(now, subject["arrive_time"]))


def _document(taken: TakenEvent, key: bytes) -> dict[str, Any]:
    event = taken.event
    return {
        "_id": taken.key,
        "producer": taken.producer,
        "number": taken.number,
        "record": event.record,
        "kind": event.kind,
        "time": event.time,
        "hidden_from": list(event.hidden_from),
        "commitment": taken.sealed.commitment,
        "sealed": seal_event(key, event.record, taken.key, taken.sealed.salt, taken.sealed.payload),
    }


def _stream(found: dict[str, Any]) -> StreamState:
    return StreamState(
        found["_id"], found["service"], bytes(found["public_key"]), found["next_seq"], bytes(found["head"]), is_closed=found["is_closed"]
    )
