"""Documents that were added and of which consent is still to be told: written in the transaction of the deposit, kept until it has learnt.

1. A deposit writes one row, under the document's own id: two deposits into one record never wait for each other.
2. Who tells takes a record of which a row is due: its rows become one batch, under an identifier that they keep, and nobody else gets
   them for a while. So a batch that is told again holds the same documents, and consent knows it.
3. Told: forgotten. Not answered: due again later.

What a row says is sealed; beside it stands the record alone. A row that does not open raises an alarm and is told to nobody.
"""

import json
import uuid
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Database, Session
from pymongo import ASCENDING

from carnet_documents.domain.addition import Addition, Batch
from carnet_documents.storage.indexes import open_additions

MOST = 200
"""Documents of one batch."""
_log = structlog.get_logger(__name__)


class Additions:
    """Collection ``additions``."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._rows = collection
        self._sealer = Sealer(keys, "additions")

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> "Additions":
        """Make the collection if it is not there."""
        return cls(await open_additions(database), keys)

    async def add(self, session: Session, addition: Addition, due: datetime) -> None:
        """Note a document in the transaction of its deposit, to be told from ``due`` on."""
        content = json.dumps(asdict(addition) | {"time": addition.time.isoformat()}).encode()
        sealed = self._sealer.seal(content, _context(addition.record, addition.document))
        row = {"_id": addition.document, "record": addition.record, "content": Binary(sealed), "due": due, "batch": "", "attempts": 0}
        await self._rows.insert_one(row, session=session)

    async def take(self, now: datetime, *, again_after: timedelta) -> Batch | None:
        """What is due of the record that has waited longest, which nobody else gets until ``again_after``; ``None`` when nothing is."""
        while (first := await self._rows.find_one({"due": {"$lte": now}}, sort=[("due", ASCENDING)])) is not None:
            batch = str(first["batch"]) or str(uuid.uuid4())
            taken = {"$set": {"batch": batch, "due": now + again_after}, "$inc": {"attempts": 1}}
            if first["batch"]:
                found = await self._rows.update_many({"batch": batch, "due": {"$lte": now}}, taken)
            else:
                new = {"record": first["record"], "batch": ""}  # those that are not due yet as well: they are told with it
                ids = [row["_id"] async for row in self._rows.find(new, {"_id": 1}).limit(MOST)]
                found = await self._rows.update_many({**new, "_id": {"$in": ids}}, taken)
            if found.modified_count:  # otherwise somebody else was sooner
                opened = await self._opened(batch, str(first["record"]))
                if opened.additions:
                    return opened
                await self.done(batch)
        return None

    async def done(self, batch: str) -> None:
        """Forget a batch that consent has."""
        await self._rows.delete_many({"batch": batch})

    async def put_back(self, batch: Batch, due: datetime) -> None:
        """Make a batch due at an instant, unless it was taken again meanwhile."""
        await self._rows.update_many({"batch": batch.request_id, "attempts": batch.attempts}, {"$set": {"due": due}})

    async def _opened(self, batch: str, record: str) -> Batch:
        rows = [row async for row in self._rows.find({"batch": batch}).sort("_id", ASCENDING)]
        additions = tuple(addition for row in rows if (addition := self._read(row)) is not None)
        return Batch(batch, record, additions, max((row["attempts"] for row in rows), default=1))

    def _read(self, row: dict[str, Any]) -> Addition | None:
        try:
            content = json.loads(self._sealer.unseal(bytes(row["content"]), _context(row["record"], row["_id"])))
        except EnvelopeError:
            _log.error("addition.seal_broken", document=row["_id"])
            return None
        return Addition(**content | {"time": datetime.fromisoformat(content["time"]), "labels": tuple(content["labels"])})


def _context(record: str, document: str) -> Context:
    return Context("additions", "content", subject=record, item=document)
