"""The editions of the habilitation tables, and which of them was in force when (data/README.md).

An edition is in force from the beginning of its day, in Europe/Paris, until that of the next. Before the first there is none: what was
decided then was decided under tables that are not here, and nobody guesses them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self
from zoneinfo import ZoneInfo

from carnet_consent.domain.matrix import Habilitation

_PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True, slots=True)
class Editions:
    """Every edition with its first day, the earliest first."""

    by_day: tuple[tuple[date, Habilitation], ...]

    @classmethod
    def of(cls, editions: Iterable[tuple[date, Habilitation]]) -> Self:
        """Put editions in order. Raises ValueError for none, or two of one day."""
        by_day = tuple(sorted(editions, key=lambda edition: edition[0]))
        if not by_day or len({day for day, _ in by_day}) != len(by_day):
            raise ValueError("there must be an edition, and one a day")
        return cls(by_day)

    def in_force(self, instant: datetime) -> Habilitation | None:
        """The edition in force at an instant; None before the first."""
        day = instant.astimezone(_PARIS).date()
        return next((tables for begins, tables in reversed(self.by_day) if begins <= day), None)

    @property
    def newest(self) -> Habilitation:
        """What decides now: a process decides by the newest edition it was started with."""
        return self.by_day[-1][1]
