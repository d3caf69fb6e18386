"""Who asks, for which structure, and why: the context without which nothing is decided (rules.md 6).

What is absent refuses; nothing in here is looked up from a record, so that a refusal at this step can reveal nothing about one.
"""

from dataclasses import dataclass
from enum import StrEnum

from carnet_consent.domain.mandate import Mandate, MandateKind

MANDATARIES = frozenset({"REPRESENTATIVE", "CAREGIVER"})
"""The roles of a person who acts for another."""


class Purpose(StrEnum):
    """Why a user acts, after HL7 v3 ActReason and the access modes of the DMP. The token carries exactly one."""

    TREATMENT = "TREATMENT"
    BREAK_GLASS = "BREAK_GLASS"
    EMERGENCY_DISPATCH = "EMERGENCY_DISPATCH"
    PATIENT_REQUEST = "PATIENT_REQUEST"
    SYSTEM_DEPOSIT = "SYSTEM_DEPOSIT"
    OPERATIONS = "OPERATIONS"


class Action(StrEnum):
    """What is asked of a record."""

    READ = "READ"
    """Read, list, count, search, summarise, export documents."""
    DEPOSIT = "DEPOSIT"
    """Deposit or replace a document."""
    MANAGE = "MANAGE"
    """Mask and unmask a document, as the holder or a minor's representative."""
    READ_HISTORY = "READ_HISTORY"
    """Read the history of accesses, as the holder."""


@dataclass(frozen=True, slots=True)
class Asker:
    """The user of a call as the verified token describes him."""

    subject: str
    """`professionals/{p}`, `patients/{p}` or `structures/{s}`."""
    role: str
    """TRE_G15 code of a professional, SOC, or PATIENT, REPRESENTATIVE, CAREGIVER, STRUCTURE, INSURER, CPE, PLATFORM."""
    structure: str
    """`structures/{s}` acted for; empty for none."""
    purpose: str
    """The purpose of the token: the name of a `Purpose`, or empty."""
    is_dispatch_doctor: bool = False
    """The right to regulate emergency calls (claim Acces_Regulation_Medicale)."""
    is_withdrawn: bool = False
    """The session, activity, structure, mandate or certificate behind the token was withdrawn."""
    mandate: Mandate | None = None
    """Under which a person acts for another; None for everybody else, and for a token that lacks a part of it."""

    @property
    def is_named_professional(self) -> bool:
        """A professional authenticated by name; a structure or a card of staff is not (EX_AIR-085)."""
        return self.subject.startswith("professionals/")

    @property
    def is_patient(self) -> bool:
        """A person acting for herself."""
        return self.subject.startswith("patients/") and self.role == "PATIENT"

    @property
    def is_mandatary(self) -> bool:
        """A person acting for another."""
        return self.subject.startswith("patients/") and self.role in MANDATARIES

    @property
    def is_person(self) -> bool:
        """A person, acting for herself or for another: at her own request, never in care."""
        return self.is_patient or self.is_mandatary

    @property
    def acts_for(self) -> str:
        """`patients/{p}` whose record this person manages: her own, or a minor's whom she represents; empty for nobody's."""
        if self.is_patient:
            return self.subject
        represents_minor = self.is_mandatary and self.mandate is not None and self.mandate.kind == MandateKind.MINOR_REPRESENTATION
        return self.mandate.holder if represents_minor and self.mandate is not None else ""

    @property
    def grantees(self) -> tuple[str, ...]:
        """Under which names statements can speak of this asker: himself, and the structure he acts for."""
        return tuple(name for name in (self.subject, self.structure) if name)
