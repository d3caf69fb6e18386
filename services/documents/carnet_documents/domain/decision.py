"""What consent answers: allowed within a filter and for a while, or denied with a reason (carnet.consent.v1.DecideResponse)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from carnet_documents.domain.filter import DocumentFilter


class Action(Enum):
    """What is asked."""

    READ = "READ"
    DEPOSIT = "DEPOSIT"
    MANAGE = "MANAGE"


@dataclass(frozen=True, slots=True)
class Allowed:
    """An allowance, and what it covers. Durations count from when the question was sent."""

    terms: DocumentFilter
    usable_for: timedelta
    ends_in: timedelta | None
    rule: str
    patient: str
    """``patients/{patient}``: the holder."""
    emergency_episode: str = ""
    masks_deposit: bool = False
    """Whether what is deposited is masked from professionals, by the holder's standing choice."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal. ``reason`` is the name of an ErrorReason without its prefix."""

    reason: str
    message: str
    rule: str
    is_about_a_record: bool = True
    """False when there is no such record: then the name asked for is whatever the caller made up, and is written nowhere."""
