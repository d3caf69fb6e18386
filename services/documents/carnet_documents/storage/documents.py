"""Documents in MongoDB: kept in one transaction with their event, found only through a permit's filter.

A document whose seal does not hold (edited by hand), or of which a newer version was written (an old copy put back), is not believed,
and says so in the log: missing or wrong seal denies.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from carnet_platform.envelope import EnvelopeError
from carnet_platform.mongo import Collection, Database, Session, conflict
from pymongo import DESCENDING

from carnet_documents.domain.filter import DocumentFilter
from carnet_documents.domain.placement import Placement
from carnet_documents.domain.visibility import Visibility
from carnet_documents.storage.blinding import Blinding
from carnet_documents.storage.finding import WITHOUT_CONTENT, SharedFinds, Wanted
from carnet_documents.storage.indexes import open_documents
from carnet_documents.storage.queries import permitted
from carnet_documents.storage.stored import Broken, Found, changing_fields, placement_of
from carnet_documents.storage.versions import Newest, Versions

_log = structlog.get_logger(__name__)


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
class Listing:
    """One page as it lies in the store: what is sound, what is broken, and where the next page begins, if one follows."""

    found: tuple[Found, ...]
    broken: tuple[Broken, ...]
    follows: tuple[datetime, str] | None


@dataclass(frozen=True, slots=True)
class Reference:
    """How another document is meant: by its opaque id, or by its blind uniqueId."""

    document: str = ""
    unique: bytes | None = None


class Documents:
    """Collection ``documents``."""

    def __init__(self, collection: Collection, versions: Versions, blinding: Blinding) -> None:
        self._collection = collection
        self.versions = versions
        self.blinding = blinding
        self._with_content = SharedFinds(collection, versions.name, blinding, with_content=True)
        self._without_content = SharedFinds(collection, versions.name, blinding, with_content=False)

    @classmethod
    async def open(cls, database: Database, blinding: Blinding) -> "Documents":
        """Make the collection if it is not there."""
        return cls(await open_documents(database), await Versions.open(database, blinding), blinding)

    async def insert(self, stored: dict[str, Any], session: Session) -> None:
        """Keep a document. Raises ``DuplicateKeyError`` when this deposit was made before."""
        await self._collection.insert_one(stored, session=session)

    async def find(self, record: str, document: str, terms: DocumentFilter, now: datetime, session: Session) -> Found | Broken | None:
        """One document that passes the filter, or ``None``: absent and hidden are the same."""
        query = {"$and": [{"_id": document}, permitted(record, terms, now, self.blinding)]}
        found = await self._collection.find_one(query, WITHOUT_CONTENT, session=session)
        return None if found is None else self._checked(found)

    async def find_with_newest(
        self, record: str, document: str, terms: DocumentFilter, now: datetime, *, with_content: bool = False
    ) -> tuple[Found | Broken | None, Newest]:
        """The same, and the newest versions in the record, in a round trip shared with other reads."""
        finds = self._with_content if with_content else self._without_content
        found, versions = await finds.find(document, Wanted(record, terms, now))
        return None if found is None else self._checked(found), self.versions.checked(record, versions)

    async def search(self, record: str, terms: DocumentFilter, now: datetime, criteria: Criteria) -> Listing:
        """Documents that pass the filter and match, newest first, at most ``criteria.limit``; a broken one takes its place among them."""
        query = {"$and": [permitted(record, terms, now, self.blinding), *_wanted(criteria)]}
        cursor = (
            self._collection.find(query, WITHOUT_CONTENT).sort([("created", DESCENDING), ("_id", DESCENDING)]).limit(criteria.limit + 1)
        )
        # One more than the page holds, to know whether another follows; whether a row is sound does not change that.
        rows = await cursor.to_list(criteria.limit + 1)
        page = rows[: criteria.limit]
        checked = [self._checked(one) for one in page]
        found = tuple(one for one in checked if isinstance(one, Found))
        broken = tuple(one for one in checked if isinstance(one, Broken))
        return Listing(found, broken, (page[-1]["created"], page[-1]["_id"]) if len(rows) > len(page) else None)

    async def successors(self, placements: Iterable[Placement], terms: DocumentFilter, now: datetime, newest: Newest) -> frozenset[str]:
        """Of the documents that replaced these, of one record, those that pass the filter: a link must not tell of a hidden one."""
        wanted = {one.replaced_by: one.record for one in placements if one.replaced_by}
        if not wanted:
            return frozenset()
        record = next(iter(wanted.values()))
        query = {"$and": [{"_id": {"$in": sorted(wanted)}}, permitted(record, terms, now, self.blinding)]}
        found = [self._sound(one) async for one in self._collection.find(query, WITHOUT_CONTENT)]
        return frozenset(one.placement.document for one in found if one is not None and newest.is_current(one.placement))

    async def of_deposit(self, record: str, deposit: bytes) -> Found | None:
        """What an earlier deposit of the same structure and uniqueId left."""
        return self._sound(await self._collection.find_one({"record": record, "deposit": deposit}, WITHOUT_CONTENT))

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
        return self._sound(await self._collection.find_one(query, WITHOUT_CONTENT, sort=newest, session=session))

    async def current(self, seen: Placement, session: Session) -> Placement:
        """The document seen before as it stands in this transaction; gone or broken, the transaction runs again.

        Raises ``EnvelopeError`` for an old copy of it.
        """
        found = self._sound(
            await self._collection.find_one({"_id": seen.document, "record": seen.record}, WITHOUT_CONTENT, session=session)
        )
        if found is None:
            raise conflict("the document is not there any more")
        if not (await self.versions.read(seen.record, session)).is_current(found.placement):
            rolled_back(found)
            raise EnvelopeError("an old copy of the document was put in its place")
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
        await self.versions.advance(after, session)

    def _sound(self, stored: dict[str, Any] | None) -> Found | None:
        checked = None if stored is None else self._checked(stored)
        return checked if isinstance(checked, Found) else None

    def _checked(self, stored: dict[str, Any]) -> Found | Broken:
        try:
            placement = placement_of(stored)
        except (KeyError, ValueError, TypeError):
            placement = None
        if placement is None or not self.blinding.is_sealed(placement, bytes(stored.get("seal", b""))):
            return _broken("document.seal_broken", str(stored["record"]), str(stored["_id"]), _shown_labels(stored))
        return Found(placement, stored, self.blinding)


def rolled_back(found: Found) -> Broken:
    """A document of which a newer version was written, told to the operators."""
    placement = found.placement
    return _broken("document.rolled_back", placement.record, placement.document, _shown_labels(found.stored))


def _broken(kind: str, record: str, document: str, labels: frozenset[Visibility]) -> Broken:
    _log.error(kind, document=document)
    return Broken(kind, record, document, labels)


def _shown_labels(stored: Mapping[str, Any]) -> frozenset[Visibility]:
    labels = {
        Visibility.HIDDEN_FROM_PATIENT: stored.get("patient_from") is not None,
        Visibility.HIDDEN_FROM_REPRESENTATIVES: stored.get("hidden_from_representatives") is not False,
    }
    return frozenset(label for label, is_shown in labels.items() if is_shown)


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
