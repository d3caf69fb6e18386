"""How surely a login must prove who it is: the `acr` of an assertion against the floor of its issuer (eIDAS levels, a data file).

Refuses an assertion that states no level, a level the table does not know, or one below the floor. The floors are settings; a floor
that is no level of the table stops the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from carnet_identity.domain.broken_rule import BrokenRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    """The levels, by rank, and what each issuer must reach."""

    ranks: Mapping[str, int]
    """Rank of each name of a level; equal names have equal ranks."""
    floor: str
    """The lowest level taken, of an issuer that has no floor of its own."""
    floors: Mapping[str, str] = field(default_factory=dict)
    """The lowest level taken, by issuer."""

    def check(self, issuer: str, level: object) -> str:
        """The level of an assertion by `issuer`, when it is high enough.

        Raises:
            BrokenRule: about `assertion`; the rule says what is wrong without the value.
        """
        if not isinstance(level, str) or level not in self.ranks:
            raise BrokenRule("assertion", "an assertion states its level of assurance (acr), one that is known here")
        if self.ranks[level] < self.ranks[self.floors.get(issuer, self.floor)]:
            raise BrokenRule("assertion", "the user logged in with less assurance than this issuer must give")
        return level


def read_levels(document: Mapping[str, Any]) -> Mapping[str, int]:
    """Ranks by name, of a parsed data file: `levels` is a list of lists of names, lowest first.

    Raises:
        BrokenRule: for a file that says something else; it must stop the start.
    """
    lines = document.get("levels")
    if set(document) != {"levels"} or not isinstance(lines, list) or not lines:
        raise BrokenRule("levels", "the file holds one list of levels, lowest first")
    ranks: dict[str, int] = {}
    for rank, names in enumerate(lines):
        if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
            raise BrokenRule("levels", "a level is a list of its names")
        for name in names:
            if name in ranks:
                raise BrokenRule("levels", "a name stands for one level")
            ranks[name] = rank
    return ranks


def read_floors(ranks: Mapping[str, int], floor: str, floors: Mapping[str, str]) -> Assurance:
    """What is measured against.

    Raises:
        BrokenRule: for a floor that is no level of the table.
    """
    if not {floor, *floors.values()} <= ranks.keys():
        raise BrokenRule("floor", "a floor is one of the levels of the table")
    return Assurance(ranks=ranks, floor=floor, floors=floors)
