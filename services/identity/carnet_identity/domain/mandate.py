"""A mandate: who may act for whom, of which kind, until when (domain.md 1.3; rules.md 12 and 13).

A value that never changes; each change makes the next revision. `mandate_rules.py` says which changes there are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class MandateKind(Enum):
    """What a mandate is for; the value is the name in the contract without its prefix."""

    MINOR_REPRESENTATION = "MINOR_REPRESENTATION"
    ADULT_REPRESENTATION = "ADULT_REPRESENTATION"
    CAREGIVING = "CAREGIVING"

    @property
    def is_representation(self) -> bool:
        """Whether the mandatary represents the holder, rather than helping her."""
        return self is not MandateKind.CAREGIVING

    @property
    def role(self) -> str:
        """The role of a token under such a mandate."""
        return "REPRESENTATIVE" if self.is_representation else "CAREGIVER"


class MandateRelation(Enum):
    """How the mandatary is related to the holder; the value is the name in the contract without its prefix."""

    MOTHER = "MOTHER"
    FATHER = "FATHER"
    GRANDPARENT = "GRANDPARENT"
    STEPPARENT = "STEPPARENT"
    SIBLING = "SIBLING"
    AUNT_OR_UNCLE = "AUNT_OR_UNCLE"
    RESPONSIBLE_PERSON = "RESPONSIBLE_PERSON"


class MandateState(Enum):
    """Where a mandate stands; the value is the name in the contract without its prefix."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"
    SUSPENDED = "SUSPENDED"
    ENDED = "ENDED"

    @property
    def is_open(self) -> bool:
        """Whether something may still be read under it, now or once it is accepted."""
        return self in {MandateState.PENDING, MandateState.ACCEPTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """One person's mandate for another. Instants are in UTC."""

    id: str
    holder: str
    """`patients/{patient}`."""
    mandatary: str
    """`patients/{patient}`; empty for an invitation that fits nobody, which nobody can accept."""
    kind: MandateKind
    relation: MandateRelation
    state: MandateState
    made_by: str
    """Who registered it or invited: a professional, structure or patient."""
    made_time: datetime
    classes: tuple[str, ...] = ()
    """CAREGIVING only: the classes (JDV_J57) that may be read, sorted."""
    begin: datetime | None = None
    """From when it holds; None for an invitation that begins with its acceptance."""
    end: datetime | None = None
    """The first instant at which it no longer holds; None when only a hand ends it."""
    ends_at_majority: bool = False
    """Whether `end` is the holder's majority rather than a date that somebody chose."""
    invitation_expires: datetime | None = None
    evidence: str = ""
    """What was seen, in the words of whoever registered it."""
    attest_time: datetime | None = None
    """When the mandatary attested to be the person who was invited."""
    reason: str = ""
    """Why it was suspended, in the words of whoever did it."""
    closed_time: datetime | None = None
    """When it was refused, suspended, ended, or found expired."""
    notices: tuple[int, ...] = ()
    """Days before its end of which both were told."""
    revision: int = 1

    def __repr__(self) -> str:
        """Hides who acts for whom: a repr reaches logs."""
        return f"Mandate({self.id!r})"

    @property
    def name(self) -> str:
        """`mandates/{mandate}`, opaque."""
        return f"mandates/{self.id}"

    @property
    def etag(self) -> str:
        """Stands for this version; says nothing of it."""
        return hashlib.sha256(f"{self.name}/{self.revision}".encode()).hexdigest()[:16]

    @property
    def was_in_force(self) -> bool:
        """Whether its mandatary is known to the others: it was registered, or she accepted it. An invitation tells nobody whom it fits."""
        return self.invitation_expires is None or self.attest_time is not None

    def is_in_force(self, now: datetime) -> bool:
        """Accepted, and from its beginning to just before its end."""
        return self.state is MandateState.ACCEPTED and self.begin is not None and self.begin <= now and (self.end is None or now < self.end)

    def represents(self, holder: str, now: datetime) -> bool:
        """Whether its mandatary now represents this person."""
        return self.holder == holder and self.kind.is_representation and self.is_in_force(now)
