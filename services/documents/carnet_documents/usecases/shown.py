"""A document as an answer shows it."""

from dataclasses import dataclass
from datetime import datetime

from carnet_documents.domain.entry import Entry
from carnet_documents.domain.placement import Placement, Status
from carnet_documents.domain.visibility import Visibility
from carnet_documents.storage.blinding import Blinding


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry with what has become of it; that part is empty for who may not know it."""

    name: str
    entry: Entry
    status: Status | None
    labels: frozenset[Visibility]
    replaced_by: str
    etag: str


def document_name(record: str, document: str) -> str:
    """The resource name."""
    return f"records/{record}/documents/{document}"


def show(placement: Placement, entry: Entry, now: datetime, blinding: Blinding, *, successors: frozenset[str] = frozenset()) -> Shown:
    """The document as it stands at ``now``; its successor is named only if it is one of those the asker may see."""
    replaced_by = document_name(placement.record, placement.replaced_by) if placement.replaced_by in successors else ""
    name = document_name(placement.record, placement.document)
    return Shown(name, entry, placement.status, placement.labels(now), replaced_by, blinding.etag(placement))
