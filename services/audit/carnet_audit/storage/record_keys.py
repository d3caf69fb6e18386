"""The key of each record: what its events are sealed with, and what the salts of its lines are made of.

Promises one key a record, made at its first event, the same for every process. It outlives the record's content (rules.md 16): only
the end of the log's retention deletes it, and then texts and openings are gone while every proof still holds.
"""

from collections import OrderedDict
from typing import Final

from carnet_platform.envelope import Context, join_parts, mac, new_key, seal, split_parts, unseal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection

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
        for record in records - keys.keys():
            keys[record] = await self._load(record)
        return keys

    async def _load(self, record: str) -> bytes:
        place = record or NO_RECORD
        context = Context("record_keys", "wrapped", subject=place)
        found = await self._collection.find_one({"_id": place})
        if found is None:
            wrapped = self._masters.wrap(new_key(), context)
            await self._collection.update_one({"_id": place}, {"$setOnInsert": {"wrapped": wrapped}}, upsert=True)
            found = await self._collection.find_one({"_id": place})  # another process may have been first
        if found is None:
            raise RuntimeError("a key that was just stored is gone")
        key = self._known[record] = self._masters.unwrap(found["wrapped"], context)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return key

    def seal_key(self) -> bytes:
        """What the rows of the log are sealed with: of no record and stored nowhere, so that no copy of the database holds it."""
        return self._masters.derive("audit-log-seal")


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
