"""Whom a mandate is meant for: matricule, names and birth date must all fit one registered person (domain.md 1.3).

Whether they do is not told to whoever invites, and looks at every trait whichever differs.
"""

from __future__ import annotations

from dataclasses import dataclass

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.comparison import fold
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import LONGEST_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class MandataryMatch:
    """What somebody knows of the person who is to act."""

    ins: Ins
    family_name: str
    """Birth name or name in use."""
    given_name: str
    """First given name, or first name in use."""
    birth_date: str
    """YYYYMMDD."""

    def __repr__(self) -> str:
        """Hides the traits: a repr reaches logs."""
        return "MandataryMatch(...)"

    def __post_init__(self) -> None:
        """Refuses what could fit nobody by its form."""
        for field in ("family_name", "given_name"):
            value: str = getattr(self, field)
            if not value.strip() or len(value) > LONGEST_NAME:
                raise BrokenRule(f"mandatary.{field}", f"required, at most {LONGEST_NAME} characters")
        if len(self.birth_date) != len("YYYYMMDD") or not (self.birth_date.isascii() and self.birth_date.isdigit()):
            raise BrokenRule("mandatary.birth_date", "a birth date is YYYYMMDD")

    def fits(self, patient: Patient) -> bool:
        """Whether all of it is said of this person, who is alive and bears the matricule now."""
        traits = patient.traits
        answers = (
            patient.ins == self.ins,
            fold(self.family_name) in {fold(name) for name in (traits.birth_family_name, traits.used_family_name) if name},
            fold(self.given_name) in {fold(name) for name in (traits.first_given_name, traits.used_given_name) if name},
            traits.birth_date == self.birth_date,
            not patient.is_deceased,
        )
        return all(answers)
