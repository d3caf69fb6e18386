"""Content larger than 1 MiB: chunks written before their document, invisible until it exists, swept when it never does.

An ``uploads`` entry stands for chunks that no document owns. The transaction that keeps the document removes it; the sweeper first
marks it abandoned. So one of the two wins, and a document is never kept without its chunks.
"""

from datetime import datetime, timedelta

from carnet_platform.mongo import Collection, Database, Session

from carnet_documents.storage.indexes import open_chunks, open_uploads
from carnet_documents.storage.stored import NewDocument, seal_chunk

ABANDONED_AFTER = timedelta(seconds=45)
"""An upload older than this is taken for dead; a store transaction ends long before (trial R3: repaired within 60 s)."""


class UploadAbandonedError(Exception):
    """The chunks of this upload were swept: it took too long."""


def _id(document: str, number: int) -> str:
    return f"{document}/{number:04d}"


class Chunks:
    """Collections ``chunks`` and ``uploads``."""

    def __init__(self, chunks: Collection, uploads: Collection) -> None:
        self._chunks = chunks
        self._uploads = uploads

    @classmethod
    async def open(cls, database: Database) -> "Chunks":
        """Make the collections if they are not there."""
        return cls(await open_chunks(database), await open_uploads(database))

    async def write(self, new: NewDocument, count: int, now: datetime) -> None:
        """Write every chunk, each durable; nobody sees them yet."""
        document = new.placement.document
        await self._uploads.insert_one({"_id": document, "record": new.placement.record, "started": now, "abandoned": False})
        for number in range(count):
            await self._chunks.insert_one({"_id": _id(document, number), "document": document, "content": seal_chunk(new, number)})

    async def own(self, document: str, session: Session) -> None:
        """Make the chunks the document's, in the transaction that keeps it. Raises ``UploadAbandonedError``."""
        removed = await self._uploads.delete_one({"_id": document, "abandoned": False}, session=session)
        if removed.deleted_count != 1:
            raise UploadAbandonedError

    async def read(self, document: str, number: int) -> bytes | None:
        """A sealed chunk."""
        found = await self._chunks.find_one({"_id": _id(document, number)})
        return None if found is None else bytes(found["content"])

    async def sweep(self, now: datetime) -> int:
        """Remove the chunks of dead uploads; returns of how many uploads."""
        swept = 0
        async for upload in self._uploads.find({"started": {"$lt": now - ABANDONED_AFTER}}).limit(100):
            document = upload["_id"]
            marked = await self._uploads.update_one({"_id": document}, {"$set": {"abandoned": True}})
            if marked.matched_count == 1:
                await self._chunks.delete_many({"_id": {"$gte": _id(document, 0), "$lte": _id(document, 9999)}})
                await self._uploads.delete_one({"_id": document})
                swept += 1
        return swept
