"""One line of an explained decision: which rule was looked at, and what came of it.

A step is told by what decides itself (`checks.py`, `precedence.py`, `filter.py`): nobody makes one up afterwards.
"""

from dataclasses import dataclass
from enum import StrEnum


class StepOutcome(StrEnum):
    """What came of looking at one rule."""

    PASSED = "PASSED"
    """The rule was looked at and does not stand in the way, or is the one that opens."""
    DID_NOT_APPLY = "DID_NOT_APPLY"
    """The rule has nothing to say about this question."""
    REFUSED = "REFUSED"
    """The rule refused; nothing below it was looked at."""
    UNKNOWN = "UNKNOWN"
    """What the rule would have looked at was not kept, or cannot be believed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule and what came of it."""

    key: str
    """Stable name, by which its words are found in each language."""
    outcome: StepOutcome
    rule: str
    source: str
