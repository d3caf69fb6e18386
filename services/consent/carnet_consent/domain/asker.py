"""Who asks, for which structure, and why: the context without which nothing is decided (rules.md 6).

What is absent refuses; nothing in here is looked up from a record, so that a refusal at this step can reveal nothing about one.
"""

from dataclasses import dataclass
from enum import StrEnum


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
    """Mask and unmask a document, as the holder."""
    READ_HISTORY = "READ_HISTORY"
    """Read the history of accesses, as the holder."""


@dataclass(frozen=True, slots=True)
class Asker:
    """The user of a call as the verified token describes him."""

    subject: str
    """`professionals/{p}`, `patients/{p}` or `structures/{s}`."""
    role: str
    """TRE_G15 code of a professional, SOC, or PATIENT, STRUCTURE, INSURER, CPE, PLATFORM."""
    structure: str
    """`structures/{s}` acted for; empty for none."""
    purpose: str
    """The purpose of the token: the name of a `Purpose`, or empty."""
    is_dispatch_doctor: bool = False
    """The right to regulate emergency calls (claim Acces_Regulation_Medicale)."""
    is_withdrawn: bool = False
    """The session, activity, structure or certificate behind the token was withdrawn."""

    @property
    def is_named_professional(self) -> bool:
        """A professional authenticated by name; a structure or a card of staff is not (EX_AIR-085)."""
        return self.subject.startswith("professionals/")

    @property
    def is_patient(self) -> bool:
        """A person acting for herself."""
        return self.subject.startswith("patients/") and self.role == "PATIENT"

    @property
    def grantees(self) -> tuple[str, ...]:
        """Under which names statements can speak of this asker: himself, and the structure he acts for."""
        return tuple(name for name in (self.subject, self.structure) if name)
