"""The batches in the store, as the shipper reads them. Reads only what a majority has, so what is shipped is never taken back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from carnet_platform.journal.batch import VALIDATOR, JournalBatch, batch_id, from_document, stream_ids
from carnet_platform.keys import Sealer
from carnet_platform.mongo import Collection, Database, ensure_collection

KEPT: Final = timedelta(days=90)
"""How long a shipped batch stays, so that a log restored from a backup can be fed again."""
MAX_READ_BYTES: Final = 2 << 20
"""Payload bytes read at once: a message of gRPC holds 4 MiB."""


class BatchStore:
    """Collection `journal`: one document a batch."""

    def __init__(self, collection: Collection, sealer: Sealer) -> None:
        self.collection = collection
        self._sealer = sealer

    @classmethod
    async def open(cls, database: Database, sealer: Sealer) -> "BatchStore":
        """Make the collection and its indexes if they are not there."""
        indexes = [
            # Holds only what is still to be shipped: stays small however long the journal grows.
            IndexModel(
                [("shipped", ASCENDING), ("stream", ASCENDING), ("first_seq", ASCENDING)],
                name="unshipped",
                partialFilterExpression={"shipped": False},
            ),
            IndexModel([("shipped_time", ASCENDING)], name="kept", expireAfterSeconds=int(KEPT.total_seconds()), sparse=True),
        ]
        return cls(await ensure_collection(database, "journal", validator=VALIDATOR, indexes=indexes), sealer)

    async def read(self, stream: str, first_seq: int, limit: int) -> list[JournalBatch]:
        """The batches of a stream that begin at or after a number, in order, up to 2 MiB."""
        batches: list[JournalBatch] = []
        size = 0
        async for document in self.collection.find({"_id": stream_ids(stream, first_seq)}).sort("_id", ASCENDING).limit(limit):
            size += len(document["events"])
            if batches and size > MAX_READ_BYTES:
                break
            batches.append(from_document(document, self._sealer))
        return batches

    async def start_of_batch_with(self, stream: str, seq: int) -> int:
        """The first number of the batch that holds number `seq`; `seq` itself when none does."""
        found = await self.collection.find_one(
            {"_id": {"$gte": batch_id(stream, 0), "$lte": batch_id(stream, seq)}}, {"first_seq": 1, "count": 1}, sort=[("_id", DESCENDING)]
        )
        if found is None or found["first_seq"] + found["count"] <= seq:
            return seq
        return int(found["first_seq"])

    async def unshipped_streams(self) -> list[str]:
        """The streams that have something to ship."""
        return [str(stream) for stream in await self.collection.distinct("stream", {"shipped": False})]

    async def mark_shipped(self, stream: str, batches: Sequence[JournalBatch], next_seq: int) -> None:
        """Mark what the log has: all before `next_seq`, and what closes the stream if it is among `batches`."""
        known = {"count": {"$gt": 0}, "$expr": {"$lte": [{"$add": ["$first_seq", "$count"]}, next_seq]}}
        closings = [{"first_seq": batch.first_seq} for batch in batches if batch.closing and batch.first_seq <= next_seq]
        wanted = {"shipped": False, "stream": stream, "first_seq": {"$lte": next_seq}, "$or": [known, *closings]}
        await self.collection.update_many(wanted, {"$set": {"shipped": True}, "$currentDate": {"shipped_time": True}})
