"""The small form of the directory: a JSON object with the lists `professionals` and `structures`, whole in memory.

Made for the invented people of a demonstration; the national directory comes as extracts (national_extract.py). Decides line by line,
so that one bad line does not keep the others out, and names for each refused one its place, the field and the rule. Strict: a number
that fails its key is refused here, however often samples show such numbers (domain.md 1.2). Whoever is listed in a structure gives
care there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from carnet_identity.domain.activity import Activity
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import PROFESSIONS, ProfessionalEntry, RefusedLine, StructureEntry, structure_key
from carnet_identity.domain.finess import parse_finess
from carnet_identity.domain.rpps import parse_rpps

SPECIALTY = re.compile(r"[A-Z0-9_/]{1,20}")
LONGEST_TEXT = 200
EntryT = TypeVar("EntryT", StructureEntry, ProfessionalEntry)


class DirectoryDocument:
    """What a small directory file says; whole as soon as it could be read."""

    is_complete = True

    def __init__(self, document: object) -> None:
        """Reads a parsed file.

        Raises:
            BrokenRule: when it is no object with the lists `professionals` and `structures`.
        """
        lists = document if isinstance(document, Mapping) else {}
        for name in ("structures", "professionals"):
            if not isinstance(lists.get(name), list):
                raise BrokenRule(name, "a directory file is an object with the lists professionals and structures")
        self.refused: list[RefusedLine] = []
        self._structures = self._read(lists["structures"], "structures", _structure)
        known = frozenset(self._structures)
        self._professionals = self._read(lists["professionals"], "professionals", lambda line: _professional(line, known))

    def structures(self) -> Iterator[StructureEntry]:
        """In the order of their keys."""
        return (self._structures[key] for key in sorted(self._structures))

    def professionals(self) -> Iterator[ProfessionalEntry]:
        """In the order of their RPPS."""
        return (self._professionals[rpps] for rpps in sorted(self._professionals))

    def _read(self, lines: list[Any], place: str, parse: Callable[[Mapping[str, Any]], EntryT]) -> dict[str, EntryT]:
        taken: dict[str, EntryT] = {}
        for index, line in enumerate(lines):
            try:
                if not isinstance(line, Mapping):
                    raise BrokenRule("", "a line is an object")  # noqa: TRY301 - refused like every other line
                entry = parse(line)
                if entry[0] in taken:
                    raise BrokenRule("", "a number stands in one line only")  # noqa: TRY301
            except BrokenRule as broken:
                self.refused.append(RefusedLine(f"{place}[{index}]", broken.field, broken.rule))
            else:
                taken[entry[0]] = entry
        return taken


def _structure(line: Mapping[str, Any]) -> StructureEntry:
    finess = parse_finess(_text(line, "finess"))
    return StructureEntry(structure_key(finess, "", ""), finess, "", "", "", _text(line, "display_name"))


def _professional(line: Mapping[str, Any], known: frozenset[str]) -> ProfessionalEntry:
    profession = _text(line, "profession")
    if profession not in PROFESSIONS:
        raise BrokenRule("profession", "a profession is a code of TRE_G15 in force")
    specialty = _text(line, "specialty", is_optional=True)
    if specialty and not SPECIALTY.fullmatch(specialty):
        raise BrokenRule("specialty", "a specialty is a code of letters A-Z, digits, _ and /")
    return ProfessionalEntry(
        rpps=parse_rpps(_text(line, "rpps")),
        family_name=_text(line, "family_name"),
        given_name=_text(line, "given_name"),
        title=_text(line, "title", is_optional=True),
        activities=tuple(
            Activity(key, profession, specialty, "", "", is_locum=False, is_care=True, begin_date="", end_date="")
            for key in _structures_of(line.get("structures", []), known)
        )
        or (Activity("", profession, specialty, "", "", is_locum=False, is_care=True, begin_date="", end_date=""),),
    )


def _structures_of(numbers: object, known: frozenset[str]) -> tuple[str, ...]:
    if not isinstance(numbers, list) or not all(isinstance(number, str) for number in numbers):
        raise BrokenRule("structures", "the structures of a professional are a list of FINESS numbers")
    keys = tuple(dict.fromkeys(structure_key(parse_finess(number, field="structures"), "", "") for number in numbers))
    if not known.issuperset(keys):
        raise BrokenRule("structures", "an activity is in a structure that a good line of this file describes")
    return keys


def _text(line: Mapping[str, Any], field: str, *, is_optional: bool = False) -> str:
    value = line.get(field, "" if is_optional else None)
    value = "" if value is None and is_optional else value
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not (value.isprintable() and (value.strip() or is_optional)):
        raise BrokenRule(field, f"a printable text of at most {LONGEST_TEXT} characters" + ("" if is_optional else ", required"))
    return value.strip()
