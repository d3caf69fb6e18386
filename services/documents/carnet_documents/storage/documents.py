"""Documents in MongoDB: kept in one transaction with their event, found only through a permit's filter.

A document whose seal does not hold (edited by hand) is not found, and says so in the log: missing or wrong seal denies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from carnet_platform.mongo import Collection, Database, Session, conflict
from pymongo import DESCENDING

from carnet_documents.domain.filter import DocumentFilter
from carnet_documents.domain.placement import Placement
from carnet_documents.storage.blinding import Blinding
from carnet_documents.storage.indexes import open_documents
from carnet_documents.storage.queries import permitted
from carnet_documents.storage.stored import Found, changing_fields, placement_of

_log = structlog.get_logger(__name__)
_WITHOUT_CONTENT = {"content": 0}


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a search asks for; empty means any. Times bound the creation time: from inclusive, to exclusive."""

    classes: Sequence[str] = ()
    types: Sequence[str] = ()
    statuses: Sequence[str] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    unique: bytes | None = None
    after: tuple[datetime, str] | None = None
    """Creation time and id of the last document of the page before."""
    limit: int = field(default=50)


@dataclass(frozen=True, slots=True)
class Reference:
    """How another document is meant: by its opaque id, or by its blind uniqueId."""

    document: str = ""
    unique: bytes | None = None


class Documents:
    """Collection ``documents``."""

    def __init__(self, collection: Collection, blinding: Blinding) -> None:
        self._collection = collection
        self.blinding = blinding

    @classmethod
    async def open(cls, database: Database, blinding: Blinding) -> "Documents":
        """Make the collection if it is not there."""
        return cls(await open_documents(database), blinding)

    async def insert(self, stored: dict[str, Any], session: Session) -> None:
        """Keep a document. Raises ``DuplicateKeyError`` when this deposit was made before."""
        await self._collection.insert_one(stored, session=session)

    async def find(
        self,
        record: str,
        document: str,
        terms: DocumentFilter,
        now: datetime,
        *,
        with_content: bool = False,
        session: Session | None = None,
    ) -> Found | None:
        """One document that passes the filter, or ``None``: absent and hidden are the same."""
        query = {"$and": [{"_id": document}, permitted(record, terms, now, self.blinding)]}
        found = await self._collection.find_one(query, None if with_content else _WITHOUT_CONTENT, session=session)
        return self._checked(found)

    async def search(self, record: str, terms: DocumentFilter, now: datetime, criteria: Criteria) -> list[Found]:
        """Documents that pass the filter and match, newest first, at most ``criteria.limit``."""
        query = {"$and": [permitted(record, terms, now, self.blinding), *_wanted(criteria)]}
        cursor = self._collection.find(query, _WITHOUT_CONTENT).sort([("created", DESCENDING), ("_id", DESCENDING)]).limit(criteria.limit)
        found = [self._checked(one) for one in await cursor.to_list(criteria.limit)]
        return [one for one in found if one is not None]

    async def successors(self, placements: Iterable[Placement], terms: DocumentFilter, now: datetime) -> frozenset[str]:
        """Of the documents that replaced these, of one record, those that pass the filter: a link must not tell of a hidden one."""
        wanted = {one.replaced_by: one.record for one in placements if one.replaced_by}
        if not wanted:
            return frozenset()
        record = next(iter(wanted.values()))
        query = {"$and": [{"_id": {"$in": sorted(wanted)}}, permitted(record, terms, now, self.blinding)]}
        return frozenset([found["_id"] async for found in self._collection.find(query, {"_id": 1})])

    async def of_deposit(self, record: str, deposit: bytes) -> Found | None:
        """What an earlier deposit of the same structure and uniqueId left."""
        return self._checked(await self._collection.find_one({"record": record, "deposit": deposit}, _WITHOUT_CONTENT))

    async def of_depositor(
        self, record: str, depositors: Sequence[bytes], reference: Reference, session: Session | None = None
    ) -> Found | None:
        """The newest document meant by ``reference`` which one of ``depositors`` deposited; another's is as good as absent."""
        query: dict[str, Any] = {
            "record": record,
            "$or": [{"structure": {"$in": list(depositors)}}, {"depositor": {"$in": list(depositors)}}],
        }
        query |= {"_id": reference.document} if reference.document else {"unique": reference.unique}
        newest = [("created", DESCENDING), ("_id", DESCENDING)]
        return self._checked(await self._collection.find_one(query, _WITHOUT_CONTENT, sort=newest, session=session))

    async def current(self, seen: Placement, session: Session) -> Placement:
        """The document seen before as it stands in this transaction; gone or broken, the transaction runs again."""
        found = self._checked(
            await self._collection.find_one({"_id": seen.document, "record": seen.record}, _WITHOUT_CONTENT, session=session)
        )
        if found is None:
            raise conflict("the document is not there any more")
        return found.placement

    async def change(self, before: Placement, after: Placement, session: Session) -> None:
        """Put ``after`` in the place of ``before``; a concurrent change makes the transaction run again."""
        changed = await self._collection.update_one(
            {"_id": before.document, "record": before.record, "version": before.version},
            {"$set": changing_fields(after, self.blinding)},
            session=session,
        )
        if changed.matched_count != 1:
            raise conflict("the document was changed meanwhile")

    def _checked(self, stored: dict[str, Any] | None) -> Found | None:
        if stored is None:
            return None
        try:
            placement = placement_of(stored)
        except (KeyError, ValueError, TypeError):
            placement = None
        if placement is None or not self.blinding.is_sealed(placement, bytes(stored.get("seal", b""))):
            _log.error("document.seal_broken", document=stored["_id"])
            return None
        return Found(placement, stored)


def _wanted(criteria: Criteria) -> list[dict[str, Any]]:
    wanted: list[dict[str, Any]] = []
    if criteria.classes:
        wanted.append({"class": {"$in": list(criteria.classes)}})
    if criteria.types:
        wanted.append({"type": {"$in": list(criteria.types)}})
    if criteria.statuses:
        wanted.append({"status": {"$in": list(criteria.statuses)}})
    if criteria.created_from is not None:
        wanted.append({"created": {"$gte": criteria.created_from}})
    if criteria.created_to is not None:
        wanted.append({"created": {"$lt": criteria.created_to}})
    if criteria.unique is not None:
        wanted.append({"unique": criteria.unique})
    if criteria.after is not None:
        created, document = criteria.after
        wanted.append({"$or": [{"created": {"$lt": created}}, {"created": created, "_id": {"$lt": document}}]})
    return wanted
