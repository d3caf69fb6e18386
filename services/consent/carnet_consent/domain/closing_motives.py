"""The coded motives of a closing: a table, and who may give each (TD1.4: code and free text, domain.md 2).

A line that breaks a rule stops the start of the service.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from carnet_consent.domain.consent import DEATH
from carnet_consent.domain.matrix_files import STATUSES, BrokenTableError

FILE = "motifs-fermeture.csv"
COLUMNS = ("code", "actor", "status", "source")


class Actor(StrEnum):
    """As whom somebody closes a record."""

    HOLDER = "HOLDER"
    REPRESENTATIVE = "REPRESENTATIVE"
    PROFESSIONAL = "PROFESSIONAL"
    PLATFORM = "PLATFORM"


@dataclass(frozen=True, slots=True)
class Motives:
    """The table."""

    codes: Mapping[Actor, frozenset[str]]
    """The codes that each may give."""

    def may_give(self, actor: Actor, code: str) -> bool:
        """Whether this code is for whoever closes so."""
        return code in self.codes.get(actor, frozenset())


def closing_motives(text: str) -> Motives:
    """The table of its file's text. Raises BrokenTableError, naming the line and the rule."""
    rows = text.splitlines()
    if not rows or tuple(rows[0].split(";")) != COLUMNS:
        raise BrokenTableError(f"{FILE}: the first line must be {';'.join(COLUMNS)}")
    codes: dict[Actor, set[str]] = {}
    for number, row in enumerate(rows[1:], start=2):
        values = row.split(";")
        if len(values) != len(COLUMNS) or any(not value or value != value.strip() for value in values):
            raise BrokenTableError(f"{FILE}, line {number}: as many values as columns, none empty, no blanks around them")
        code, actor, status, _ = values
        if actor not in set(Actor) or status not in STATUSES or code in codes.get(Actor(actor), set()):
            raise BrokenTableError(f"{FILE}, line {number}: a known actor and status, and each code once for an actor")
        codes.setdefault(Actor(actor), set()).add(code)
    if any((DEATH in given) != (actor == Actor.PLATFORM) for actor, given in codes.items()) or Actor.PLATFORM not in codes:
        raise BrokenTableError(f"{FILE}: {DEATH} is for PLATFORM, and for nobody else")
    return Motives({actor: frozenset(given) for actor, given in codes.items()})
