"""What is known of each stream of this service: who may sign it, when it was last seen alive, how it ended.

Decides when a stream is an orphan. Times are the store's own, so that the clocks of two machines are never compared.
States: `open`; `closed` by its owner; `abandoned` by others once the log has all of it and it has been silent for a minute. An
owner that wakes up makes its abandoned stream open again: nothing it wrote is lost.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from carnet_platform.mongo import Collection, Database, ensure_collection

SILENT: Final = timedelta(seconds=60)
"""Without a sign of life for so long, and shipped, a stream is abandoned."""
MISSED: Final = timedelta(seconds=10)
"""Without a sign of life for so long, others ship what it left."""

_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "service", "public_key", "state", "last_seen"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string"},
            "service": {"bsonType": "string"},
            "public_key": {"bsonType": "binData"},
            "state": {"enum": ["open", "closed", "abandoned"]},
            "last_seen": {"bsonType": "date"},
        },
    }
}


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream by its identifier and the Ed25519 key (32 bytes) its batches are signed with."""

    stream: str
    public_key: bytes


class Streams:
    """Collection `streams`."""

    def __init__(self, collection: Collection) -> None:
        self._streams = collection

    @classmethod
    async def open(cls, database: Database) -> "Streams":
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, "streams", validator=_VALIDATOR))

    async def begin(self, stream: Stream, service: str) -> None:
        """Make a new stream known, durably, before its first batch."""
        await self._streams.update_one(
            {"_id": stream.stream},
            {"$setOnInsert": {"service": service, "public_key": stream.public_key, "state": "open"}, "$currentDate": {"last_seen": True}},
            upsert=True,
        )

    async def beat(self, stream: str) -> None:
        """Note that its process lives."""
        await self._streams.update_one(
            {"_id": stream, "state": {"$ne": "closed"}}, {"$set": {"state": "open"}, "$currentDate": {"last_seen": True}}
        )

    async def close(self, stream: str) -> None:
        """Note that its owner has closed it."""
        await self._streams.update_one({"_id": stream}, {"$set": {"state": "closed"}, "$currentDate": {"last_seen": True}})

    async def abandon(self, stream: str) -> bool:
        """Note that it is over; False when it was seen alive meanwhile."""
        done = await self._streams.update_one({"_id": stream, "state": "open", **_unseen_for(SILENT)}, {"$set": {"state": "abandoned"}})
        return done.modified_count == 1

    async def orphans(self, unshipped: list[str], own: str) -> list[Stream]:
        """Streams of others whose process is gone: those with something unshipped, and those open though long silent."""
        left = {"_id": {"$in": unshipped}, "$or": [{"state": {"$ne": "open"}}, _unseen_for(MISSED)]}
        silent = {"state": "open", **_unseen_for(SILENT)}
        found = self._streams.find({"_id": {"$ne": own}, "$or": [left, silent]}).limit(100)
        return [Stream(document["_id"], document["public_key"]) async for document in found]


def _unseen_for(time: timedelta) -> dict[str, Any]:
    return {"$expr": {"$lt": ["$last_seen", {"$subtract": ["$$NOW", int(time.total_seconds() * 1000)]}]}}
