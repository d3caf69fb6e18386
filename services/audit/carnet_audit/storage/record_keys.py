"""The key of each record: what its events are sealed with, and what the salts of its lines are made of.

Promises one key a record, made at its first event, the same for every process. It outlives the record's content (rules.md 16): only
the end of the log's retention deletes it, and then texts and openings are gone while every proof still holds.
"""

from collections import OrderedDict
from typing import Final

from carnet_platform.envelope import Context, join_parts, mac, new_key, seal, split_parts, unseal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection
from pymongo import UpdateOne

NO_RECORD: Final = "-"
"""Where the key of events that belong to no record is kept."""
KEPT: Final = 4096
"""Keys a process remembers, unwrapped."""


class RecordKeys:
    """Keys by record."""

    def __init__(self, collection: Collection, masters: MasterKeys) -> None:
        self._collection, self._masters = collection, masters
        self._known: OrderedDict[str, bytes] = OrderedDict()

    async def load(self, records: set[str]) -> dict[str, bytes]:
        """The keys of these records ("" for none), making those that are missing."""
        keys = {record: key for record in records if (key := self._known.get(record)) is not None}
        places = {record or NO_RECORD: record for record in records - keys.keys()}
        if not places:
            return keys
        found = await self._find(list(places))
        missing = places.keys() - found.keys()
        if missing:
            made = [UpdateOne({"_id": place}, {"$setOnInsert": {"wrapped": self._made(place)}}, upsert=True) for place in sorted(missing)]
            await self._collection.bulk_write(made, ordered=False)
            found |= await self._find(list(missing))  # another process may have been first
        for place, record in places.items():
            if place not in found:
                raise RuntimeError("a key that was just stored is gone")
            keys[record] = self._known[record] = self._masters.unwrap(found[place], _context(place))
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return keys

    async def _find(self, places: list[str]) -> dict[str, bytes]:
        return {found["_id"]: bytes(found["wrapped"]) async for found in self._collection.find({"_id": {"$in": places}})}

    def _made(self, place: str) -> bytes:
        return self._masters.wrap(new_key(), _context(place))

    def seal_key(self) -> bytes:
        """What the rows of the log are sealed with: of no record and stored nowhere, so that no copy of the database holds it."""
        return self._masters.derive("audit-log-seal")


def _context(place: str) -> Context:
    return Context("record_keys", "wrapped", subject=place)


def seal_event(key: bytes, record: str, event: str, salt: bytes, payload: bytes) -> bytes:
    """Salt and text of an event, sealed for its place."""
    return seal(key, join_parts(salt, payload), Context("events", "sealed", subject=record, item=event))


def unseal_event(key: bytes, record: str, event: str, sealed: bytes) -> tuple[bytes, bytes]:
    """Salt and text of an event; raises EnvelopeError when it was not sealed for this place."""
    salt, payload = split_parts(unseal(key, sealed, Context("events", "sealed", subject=record, item=event)))
    return salt, payload


def salt_for(key: bytes, event: str, purpose: str) -> bytes:
    """The 32-byte salt of one commitment in the leaf of an event (a view's name, or `origin`); kept nowhere."""
    return mac(key, b"leaf salt", purpose.encode(), event.encode())
