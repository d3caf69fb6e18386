"""How a kept document stands in its record: what may change of it, and what decides who may see it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from carnet_documents.domain.visibility import Visibility


class Status(Enum):
    """XDS availabilityStatus."""

    APPROVED = "APPROVED"
    DEPRECATED = "DEPRECATED"


@dataclass(frozen=True, slots=True)
class Placement:
    """A document in its record. ``record`` and ``document`` are the opaque last segments of its name."""

    record: str
    document: str
    class_code: str
    type_code: str
    status: Status
    is_masked: bool
    visible_to_patient_from: datetime | None
    """When INVISIBLE_PATIENT ends; ``None`` without that label."""
    is_hidden_from_representatives: bool
    depositor: bytes
    """Blind: a keyed hash of record and depositor."""
    structure: bytes
    """Blind: a keyed hash of record and depositing structure, or of the depositor who has none."""
    first_deposit_time: datetime
    replaced_by: str
    """The opaque id of the document that replaced it, or ``""``."""
    version: int
    masked_from: datetime | None = None
    """With ``is_masked``: from when MASQUE_PS counts, once the patient sees the document (rules.md 14); ``None`` from the first."""

    def labels(self, now: datetime) -> frozenset[Visibility]:
        """The labels in force at ``now``."""
        present: set[Visibility] = set()
        if self.is_masked and (self.masked_from is None or now >= self.masked_from):
            present.add(Visibility.MASKED_FROM_PROFESSIONALS)
        if self.visible_to_patient_from is not None and now < self.visible_to_patient_from:
            present.add(Visibility.HIDDEN_FROM_PATIENT)
        if self.is_hidden_from_representatives:
            present.add(Visibility.HIDDEN_FROM_REPRESENTATIVES)
        return frozenset(present)

    def masked(self, *, is_masked: bool) -> "Placement":
        """The next version, masked or not."""
        return replace(self, is_masked=is_masked, version=self.version + 1)

    def masked_by_default(self, now: datetime) -> "Placement":
        """A deposit as the holder chose beforehand: masked, but as long as it is hidden from her not yet (rules.md 14)."""
        if self.is_masked:
            return self
        end = self.visible_to_patient_from
        return replace(self, is_masked=True, masked_from=end if end is not None and now < end else None)

    def replaced(self, by: str) -> "Placement":
        """The next version, replaced by the document ``by``."""
        return replace(self, status=Status.DEPRECATED, replaced_by=by, version=self.version + 1)
