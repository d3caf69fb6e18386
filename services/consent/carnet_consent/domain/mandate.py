"""The mandate under which a person acts for another (rules.md 12 and 13), as identity gives it: with the token, or asked for now."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MandateKind(StrEnum):
    """What a mandate is for."""

    MINOR_REPRESENTATION = "MINOR_REPRESENTATION"
    ADULT_REPRESENTATION = "ADULT_REPRESENTATION"
    CAREGIVING = "CAREGIVING"


@dataclass(frozen=True, slots=True)
class Mandate:
    """Who may be acted for, as what, until when."""

    name: str
    """`mandates/{mandate}`."""
    holder: str
    """`patients/{p}`: for whom the mandatary acts."""
    kind: MandateKind
    end: datetime | None = None
    """The first instant at which it no longer holds; None when only a hand ends it."""
    classes: tuple[str, ...] = ()
    """A caregiver's scope: the classes (JDV_J57) that may be read."""
    hidden_structures: tuple[str, ...] = ()
    """`structures/{s}`: places of care hidden from her. Known only where identity was asked."""

    def is_over(self, now: datetime) -> bool:
        """Whether its end has come."""
        return self.end is not None and self.end <= now
