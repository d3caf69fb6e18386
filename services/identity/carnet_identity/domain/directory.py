"""The public directory: what a line of its file must say to be taken.

Decides line by line, so that one bad line does not keep the others out: `read_directory` gives the good entries and, for each
refused one, its place in the file, the field and the rule. Strict: a number that fails its key is refused here, however often
samples show such numbers (domain.md 1.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.finess import parse_finess
from carnet_identity.domain.rpps import parse_rpps

# TRE_G15-ProfessionSante, OID 1.2.250.1.71.1.2.7, those without an end date (domain.md 1.2).
PROFESSIONS = frozenset(
    "10 21 26 28 31 32 40 50 60 69 70 80 81 82 83 84 85 86 91 92 94 95 96 98".split()  # noqa: SIM905 - a table of codes reads better
)
_SPECIALTY = re.compile(r"[A-Z0-9_/]{1,20}")
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A structure of the directory."""

    id: str
    finess: str
    display_name: str

    @property
    def name(self) -> str:
        """`structures/{structure}`, opaque."""
        return f"structures/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Professional:
    """A professional of the directory; `structures` are resource names of their activities."""

    id: str
    rpps: str
    family_name: str
    given_name: str
    title: str
    profession: str
    specialty: str
    structures: tuple[str, ...]

    @property
    def name(self) -> str:
        """`professionals/{professional}`, opaque."""
        return f"professionals/{self.id}"

    @property
    def display_name(self) -> str:
        """How people call them, e.g. `Dr Bruno EXEMPLE`."""
        return " ".join(part for part in (self.title, self.given_name, self.family_name) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureEntry:
    """A structure as the file has it."""

    finess: str
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfessionalEntry:
    """A professional as the file has them; `structures` are FINESS numbers."""

    rpps: str
    family_name: str
    given_name: str
    title: str
    profession: str
    specialty: str
    structures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that was not taken: `place` is e.g. `professionals[3]`, counted from 0; never a value of the line."""

    place: str
    field: str
    rule: str


@dataclass(frozen=True, slots=True)
class DirectoryFile:
    """What a directory file says."""

    structures: tuple[StructureEntry, ...]
    professionals: tuple[ProfessionalEntry, ...]
    refused: tuple[RefusedLine, ...]


EntryT = TypeVar("EntryT", StructureEntry, ProfessionalEntry)


def read_directory(document: object) -> DirectoryFile:
    """The entries of a parsed directory file.

    Raises:
        BrokenRule: when the file is no object with the lists `professionals` and `structures`.
    """
    lists = document if isinstance(document, Mapping) else {}
    for name in ("structures", "professionals"):
        if not isinstance(lists.get(name), list):
            raise BrokenRule(name, "a directory file is an object with the lists professionals and structures")
    refused: list[RefusedLine] = []
    structures = _read(lists["structures"], "structures", _structure, lambda entry: entry.finess, refused)
    known = frozenset(structure.finess for structure in structures)
    professionals = _read(
        lists["professionals"], "professionals", lambda line: _professional(line, known), lambda entry: entry.rpps, refused
    )
    return DirectoryFile(structures, professionals, tuple(refused))


def _read(
    lines: list[Any], place: str, parse: Callable[[Mapping[str, Any]], EntryT], number: Callable[[EntryT], str], refused: list[RefusedLine]
) -> tuple[EntryT, ...]:
    taken: dict[str, EntryT] = {}
    for index, line in enumerate(lines):
        try:
            if not isinstance(line, Mapping):
                raise BrokenRule("", "a line is an object")  # noqa: TRY301 - refused like every other line
            entry = parse(line)
            if number(entry) in taken:
                raise BrokenRule("", "a number stands in one line only")  # noqa: TRY301
        except BrokenRule as broken:
            refused.append(RefusedLine(f"{place}[{index}]", broken.field, broken.rule))
        else:
            taken[number(entry)] = entry
    return tuple(taken.values())


def _structure(line: Mapping[str, Any]) -> StructureEntry:
    return StructureEntry(finess=parse_finess(_text(line, "finess")), display_name=_text(line, "display_name"))


def _professional(line: Mapping[str, Any], known: frozenset[str]) -> ProfessionalEntry:
    profession = _text(line, "profession")
    if profession not in PROFESSIONS:
        raise BrokenRule("profession", "a profession is a code of TRE_G15 in force")
    specialty = _text(line, "specialty", is_optional=True)
    if specialty and not _SPECIALTY.fullmatch(specialty):
        raise BrokenRule("specialty", "a specialty is a code of letters A-Z, digits, _ and /")
    return ProfessionalEntry(
        rpps=parse_rpps(_text(line, "rpps")),
        family_name=_text(line, "family_name"),
        given_name=_text(line, "given_name"),
        title=_text(line, "title", is_optional=True),
        profession=profession,
        specialty=specialty,
        structures=_activities(line.get("structures", []), known),
    )


def _activities(numbers: object, known: frozenset[str]) -> tuple[str, ...]:
    if not isinstance(numbers, list) or not all(isinstance(number, str) for number in numbers):
        raise BrokenRule("structures", "the structures of a professional are a list of FINESS numbers")
    parsed = tuple(dict.fromkeys(parse_finess(number, field="structures") for number in numbers))
    if not known.issuperset(parsed):
        raise BrokenRule("structures", "an activity is in a structure that a good line of this file describes")
    return parsed


def _text(line: Mapping[str, Any], field: str, *, is_optional: bool = False) -> str:
    value = line.get(field, "" if is_optional else None)
    value = "" if value is None and is_optional else value
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not (value.isprintable() and (value.strip() or is_optional)):
        raise BrokenRule(field, f"a printable text of at most {_LONGEST_TEXT} characters" + ("" if is_optional else ", required"))
    return value.strip()
