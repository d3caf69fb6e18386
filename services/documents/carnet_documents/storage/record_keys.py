"""Record keys: in a database of their own, wrapped under a master key. Deleting one makes a record's documents unreadable.

Kept by nobody longer than the permit they are used under; so nothing is cached here.
"""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import timedelta

from carnet_platform.envelope import Context, new_key
from carnet_platform.errors import Unavailable
from carnet_platform.gathering import Gathering
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection, Database
from pymongo.errors import DuplicateKeyError

from carnet_documents.storage.indexes import open_record_keys


def _place(record: str) -> Context:
    return Context("record_keys", "wrapped", subject=record)


class RecordKeys:
    """The key of each record."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._collection = collection
        self._keys = keys
        self._gathering = Gathering[None, bytes | None](self._wrapped)

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> "RecordKeys":
        """Make the collection if it is not there."""
        return cls(await open_record_keys(database), keys)

    async def find(self, record: str) -> bytes | None:
        """The record's key, or ``None`` when it has none, which means: no readable document. Raises ``EnvelopeError``."""
        wrapped = await self._gathering.ask(record, None)
        return None if wrapped is None else self._keys.unwrap(wrapped, _place(record))

    async def find_or_make(self, record: str) -> bytes:
        """The record's key, made by the first deposit; durable before it seals anything."""
        key = await self.find(record)
        if key is not None:
            return key
        wrapped = self._keys.wrap(new_key(), _place(record))
        with contextlib.suppress(DuplicateKeyError):
            await self._collection.insert_one({"_id": record, "wrapped": wrapped})
        # Read back: another process may have made it first, and only a majority read says that it will last.
        key = await self.find(record)
        if key is None:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the key of the record is not durable yet", retry_after=timedelta(seconds=1))
        return key

    async def _wrapped(self, records: Iterable[str]) -> Mapping[str, bytes | None]:
        wanted = list(records)
        found = await self._collection.find({"_id": {"$in": wanted}}).to_list(len(wanted))
        return {**dict.fromkeys(wanted), **{one["_id"]: one["wrapped"] for one in found}}
