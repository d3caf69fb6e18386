"""The national nomenclatures a directory is written in, read from versioned files (data/nomenclatures/README.md has the columns).

A broken line stops the start: a table that is read halfway would let in, or keep out, whom nobody decided on. A code that is not in
force refuses the line of the directory that uses it. Two columns are ours and decide access: which categories of professional act in
their own name (`acts`), and which kinds of activity are care (`care`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from carnet_identity.domain.broken_rule import BrokenRule

PROFESSIONS, SECTORS, KNOW_HOW, CATEGORIES = (
    "TRE_G15-ProfessionSante.csv",
    "TRE_R02-SecteurActivite.csv",
    "TRE_R04-TypeSavoirFaire.csv",
    "TRE_R09-CategorieProfessionnelle.csv",
)
KINDS, MODES, SPECIALTIES = "TRE_R22-GenreActivite.csv", "TRE_R23-ModeExercice.csv", "TRE_R38-SpecialiteOrdinale.csv"
_PLAIN = ("code", "label", "end")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    PROFESSIONS: _PLAIN,
    SECTORS: _PLAIN,
    KNOW_HOW: _PLAIN,
    CATEGORIES: (*_PLAIN, "acts"),
    KINDS: (*_PLAIN, "care", "locum"),
    MODES: _PLAIN,
    SPECIALTIES: _PLAIN,
}
"""The files of an edition and the columns that each must have, in this order."""

_SOURCE, _CODE, _DATE = re.compile(r"# \S+ .+"), re.compile(r"[A-Z0-9_]{1,20}"), re.compile(r"(?:19|20)[0-9]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nomenclatures:
    """The codes in force of one edition."""

    edition: str
    professions: frozenset[str]
    sectors: frozenset[str]
    know_how: frozenset[str]
    modes: frozenset[str]
    specialties: frozenset[str]
    categories: Mapping[str, bool]
    """Whether who is of this category acts in their own name."""
    kinds: Mapping[str, tuple[bool, bool]]
    """Whether an activity of this kind is care, and whether it stands in for somebody."""


def read_nomenclatures(files: Mapping[str, str], edition: str) -> Nomenclatures:
    """The nomenclatures of one edition.

    Args:
        files: the text of each file named in `COLUMNS`, and of no other.
        edition: its date, YYYY-MM-DD; what ended before it is not in force.

    Raises:
        BrokenRule: a file is missing, unknown or breaks a rule; its field is the file and the line.
    """
    if files.keys() != COLUMNS.keys():
        raise BrokenRule(edition, f"an edition holds exactly {', '.join(sorted(COLUMNS))}")
    day = edition.replace("-", "")
    tables = {name: _table(name, text, day) for name, text in files.items()}
    return Nomenclatures(
        edition=edition,
        professions=frozenset(tables[PROFESSIONS]),
        sectors=frozenset(tables[SECTORS]),
        know_how=frozenset(tables[KNOW_HOW]),
        modes=frozenset(tables[MODES]),
        specialties=frozenset(tables[SPECIALTIES]),
        categories={code: acts for code, (acts,) in tables[CATEGORIES].items()},
        kinds={code: (care, locum) for code, (care, locum) in tables[KINDS].items()},
    )


def _table(name: str, text: str, day: str) -> Mapping[str, tuple[bool, ...]]:
    """What the columns of ours say of each code in force."""
    source, columns, *lines = [*text.splitlines(), "", ""]
    lines = lines[:-2]
    if not lines or not _SOURCE.fullmatch(source):
        raise BrokenRule(name, "the first line is `# ` with the identifier and the source, then the columns, then the codes")
    if tuple(columns.split(";")) != COLUMNS[name]:
        raise BrokenRule(f"{name}, line 2", f"the columns are {';'.join(COLUMNS[name])}")
    in_force: dict[str, tuple[bool, ...]] = {}
    seen: set[str] = set()
    for number, line in enumerate(lines, 3):
        code, end, ours = _parsed(line.split(";"), name, f"{name}, line {number}")
        if code in seen:
            raise BrokenRule(f"{name}, line {number}", "a code stands in one line only")
        seen.add(code)
        if not end or end > day:
            in_force[code] = ours
    return in_force


def _parsed(values: list[str], name: str, place: str) -> tuple[str, str, tuple[bool, ...]]:
    if len(values) != len(COLUMNS[name]):
        raise BrokenRule(place, "a line has as many values as there are columns")
    code, label, end, *ours = values
    if not (_CODE.fullmatch(code) and label and (not end or _DATE.fullmatch(end))):
        raise BrokenRule(place, "a code of A-Z, digits and _, a label, and an end as YYYYMMDD or nothing")
    if not set(ours) <= {"yes", "no"}:
        raise BrokenRule(place, "what is ours is yes or no")
    return code, end, tuple(value == "yes" for value in ours)
