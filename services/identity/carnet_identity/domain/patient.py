"""A registered person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from carnet_identity.domain.identity_evidence import NO_EVIDENCE, IdentityEvidence
from carnet_identity.domain.identity_status import IdentityAttribute, IdentityStatus
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.traits import Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerIns:
    """An INS that a person bore before: history, and not usable for a new deposit (domain.md 1.1). Instants in UTC."""

    ins: Ins
    begin_time: datetime | None
    """Since when it was held here; None where that was not noted."""
    end_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """That a person has died (rules.md 17)."""

    death_date: str
    """YYYYMMDD; 00 for an unknown day or month."""
    evidence: str
    record_time: datetime
    """When it was stated here, in UTC."""

    def __repr__(self) -> str:
        """Hides what is said: a repr reaches logs."""
        return "Death(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A person who has or may have a record; `revision` counts the changes, the first is 1."""

    id: str
    ins: Ins
    traits: Traits
    status: IdentityStatus
    evidence: IdentityEvidence = NO_EVIDENCE
    """What the status rests on."""
    attributes: frozenset[IdentityAttribute] = frozenset()
    residence_commune: str = ""
    """INSEE code of the commune of residence; empty when it is not known."""
    ins_time: datetime | None = None
    """Since when the INS is held here, in UTC; None where that was not noted."""
    former: tuple[FormerIns, ...] = ()
    """Oldest first."""
    death: Death | None = None
    """None for the living."""
    revision: int = 1

    @property
    def name(self) -> str:
        """`patients/{patient}`, opaque."""
        return f"patients/{self.id}"

    @property
    def etag(self) -> str:
        """Stands for this version; says nothing of it."""
        return hashlib.sha256(f"{self.name}/{self.revision}".encode()).hexdigest()[:16]

    @property
    def is_deceased(self) -> bool:
        """Whether a death is stated, and was not taken back."""
        return self.death is not None

    @property
    def every_ins(self) -> tuple[Ins, ...]:
        """The present INS, then the former ones: each stands for this person alone."""
        return (self.ins, *(former.ins for former in self.former))
