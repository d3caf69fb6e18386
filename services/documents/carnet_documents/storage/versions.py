"""The newest version of each document that changed after its deposit: one small sealed row a record.

A document's own seal covers its version and cannot know of a newer one: an old copy of the row, put back by hand, seals as well as
ever. So every change writes its version here in its own transaction, and an older document is not believed. The row is there before
the record has a key; missing or with a wrong seal, it makes every document of the record too old. What this does not notice is both
rows put back together.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from carnet_platform.envelope import EnvelopeError
from carnet_platform.mongo import Collection, Database, Session, conflict
from pymongo.errors import DuplicateKeyError

from carnet_documents.domain.placement import Placement
from carnet_documents.storage.blinding import Blinding
from carnet_documents.storage.indexes import open_versions

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest versions of a record's changed documents, by id; ``None`` when they cannot be known."""

    versions: Mapping[str, int] | None

    def is_current(self, placement: Placement) -> bool:
        """Whether no newer version was written before this was read."""
        return self.versions is not None and placement.version >= self.versions.get(placement.document, 1)


class Versions:
    """Collection ``versions``."""

    def __init__(self, collection: Collection, blinding: Blinding) -> None:
        self._collection = collection
        self._blinding = blinding

    @classmethod
    async def open(cls, database: Database, blinding: Blinding) -> "Versions":
        """Make the collection if it is not there."""
        return cls(await open_versions(database), blinding)

    @property
    def name(self) -> str:
        """The collection's."""
        return self._collection.name

    async def begin(self, record: str) -> None:
        """Make the row of a record that has no key yet; never afterwards, or a row taken away would come back empty."""
        with contextlib.suppress(DuplicateKeyError):
            await self._collection.insert_one({"_id": record, **self._sealed(record, {})})

    async def read(self, record: str, session: Session | None = None) -> Newest:
        """The newest versions in a record."""
        return self.checked(record, await self._collection.find_one({"_id": record}, session=session))

    async def advance(self, after: Placement, session: Session) -> None:
        """Write the version of a changed document, in the transaction of the change. Raises ``EnvelopeError`` for a broken row."""
        record = after.record
        stored = await self._collection.find_one({"_id": record}, session=session)
        newest = self.checked(record, stored)
        if stored is None or newest.versions is None:
            raise EnvelopeError("the newest versions in the record cannot be known")
        versions = {**newest.versions, after.document: after.version}
        query = {"_id": record, "seal": stored["seal"]}
        changed = await self._collection.update_one(query, {"$set": self._sealed(record, versions)}, session=session)
        if changed.matched_count != 1:
            raise conflict("another document of the record was changed meanwhile")

    def checked(self, record: str, stored: Mapping[str, Any] | None) -> Newest:
        """What the row of a record says, if it is there and as it was sealed."""
        if stored is not None and self._blinding.are_versions_sealed(record, stored["versions"], bytes(stored["seal"])):
            return Newest(stored["versions"])
        if stored is not None:
            _log.error("versions.seal_broken", record=record)
        return Newest(None)

    def _sealed(self, record: str, versions: Mapping[str, int]) -> dict[str, Any]:
        return {"versions": versions, "seal": self._blinding.versions(record, versions)}
