"""What a professional does somewhere, and whether a session may be opened for it today.

An activity is in force from its first to its last day, both included, by the calendar of Paris, where the directory is kept. One that
is no care, or of somebody who does not act in their own name yet, is told and opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

_PARIS = ZoneInfo("Europe/Paris")


class Activity(NamedTuple):
    """One line of the national directory; codes of its nomenclatures, "" where a line says nothing."""

    structure: str
    """`structures/{structure}`; in an entry of a file, the key of its structure."""
    profession: str
    """TRE_G15."""
    specialty: str
    """Savoir-faire."""
    sector: str
    """TRE_R02."""
    mode: str
    """TRE_R23."""
    is_locum: bool
    """Whether somebody stands in for another (TRE_R22)."""
    is_care: bool
    """Whether it is care by somebody who acts in their own name (TRE_R22, TRE_R09)."""
    begin_date: str
    """First day, YYYYMMDD."""
    end_date: str
    """Last day, YYYYMMDD."""

    def is_in_force(self, day: str) -> bool:
        """Whether a session may be opened for it on a day, YYYYMMDD."""
        has_begun = not self.begin_date or self.begin_date <= day
        return self.is_care and self.structure != "" and has_begun and (not self.end_date or day <= self.end_date)


def day_in_paris(instant: datetime) -> str:
    """The calendar day in Paris, YYYYMMDD."""
    return instant.astimezone(_PARIS).strftime("%Y%m%d")


def foremost(activities: Iterable[Activity]) -> Activity | None:
    """The one that says best who somebody is: their own before one in which they stand in, then as the directory orders them."""
    return min(activities, key=lambda activity: activity.is_locum, default=None)


def opened(activities: Sequence[Activity], day: str) -> frozenset[tuple[str, str]]:
    """Structure and profession of every session that may be opened on a day."""
    return frozenset((activity.structure, activity.profession) for activity in activities if activity.is_in_force(day))
