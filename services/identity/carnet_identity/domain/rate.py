"""How often somebody may ask before it looks like guessing: so many in a minute and in a day, for a professional and for a structure.

Minutes and days are those of the clock in UTC, so a rate may be met twice around their ends. Passing a rate is an alarm; whether it is
also a refusal is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple

_EPOCH = datetime.fromtimestamp(0, UTC)


class Window(Enum):
    """What a rate counts in."""

    MINUTE = timedelta(minutes=1)
    DAY = timedelta(days=1)

    def number(self, now: datetime) -> int:
        """Which window an instant (UTC) lies in."""
        return (now - _EPOCH) // self.value

    def left(self, now: datetime) -> timedelta:
        """How long the window of an instant lasts on."""
        return self.value - (now - _EPOCH) % self.value


@dataclass(frozen=True, slots=True)
class Rates:
    """The most of one kind of question: in a minute and in a day, for one professional and for all of one structure."""

    professional_minute: int
    professional_day: int
    structure_minute: int
    structure_day: int


class Counted(NamedTuple):
    """One count: of what, whose, in which window."""

    what: str
    who: str
    """`professionals/{professional}` or `structures/{structure}`."""
    window: Window
    number: int
