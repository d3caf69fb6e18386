"""Finds documents for several reads in one round trip, each under its own permit's filter.

A row answers the read of its own id, and matches only by the filter that came with that id. So no read is given what another may see,
and what is hidden from one does not match because another of the same round trip may see something else. The newest versions of the
records come in the same command: what a read costs is its round trips.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from carnet_platform.gathering import Gathering
from carnet_platform.mongo import Collection, aggregate

from carnet_documents.domain.filter import DocumentFilter
from carnet_documents.storage.blinding import Blinding
from carnet_documents.storage.queries import permitted

WITHOUT_CONTENT = {"content": 0}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document to find. Two that differ in ``now`` alone are one: the later serves both, for both are answered after it."""

    record: str
    terms: DocumentFilter
    now: datetime = field(compare=False)


class Rows(NamedTuple):
    """As they lie in the store: the document, ``None`` when absent or hidden, and the versions of its record."""

    document: dict[str, Any] | None
    versions: dict[str, Any] | None


class SharedFinds:
    """Finds documents by id in ``documents``, and their records' rows in ``versions``."""

    def __init__(self, documents: Collection, versions: str, blinding: Blinding, *, with_content: bool) -> None:
        self._documents, self._versions, self._blinding, self._with_content = documents, versions, blinding, with_content
        self._gathering = Gathering[Wanted, Rows](self._find)

    async def find(self, document: str, wanted: Wanted) -> Rows:
        """What is stored now, as far as it passes the filter."""
        return await self._gathering.ask(document, wanted)

    async def _find(self, wanted: Mapping[str, Wanted]) -> Mapping[str, Rows]:
        passing = [
            {"_id": document, "$and": [permitted(one.record, one.terms, one.now, self._blinding)]} for document, one in wanted.items()
        ]
        records = sorted({one.record for one in wanted.values()})
        rows = await aggregate(
            self._documents,
            [
                {"$match": {"_id": {"$in": list(wanted)}, "$or": passing}},
                *([] if self._with_content else [{"$project": WITHOUT_CONTENT}]),
                {"$unionWith": {"coll": self._versions, "pipeline": [{"$match": {"_id": {"$in": records}}}]}},
            ],
            hint="_id_",
        )
        documents: dict[str, dict[str, Any]] = {}
        versions: dict[str, dict[str, Any]] = {}
        async for row in rows:
            (versions if "versions" in row else documents)[row["_id"]] = row
        return {document: Rows(documents.get(document), versions.get(one.record)) for document, one in wanted.items()}
