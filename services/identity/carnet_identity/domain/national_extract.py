"""The national directory extract as published: one line for each activity, values between `|`, French headings in the first line.

Columns are found by their heading, in any order; those that are not listed here are left alone. A line is taken whole or refused with
its heading and rule. Strict, as everywhere in the directory: each number must pass its key, each code must be in force.

Headings and their meaning: the published file `PS_LibreAcces_Personne_activite`; the dates stand in the restricted extract only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from carnet_identity.domain.activity import Activity
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import StructureEntry, structure_key
from carnet_identity.domain.directory_document import LONGEST_TEXT, SPECIALTY
from carnet_identity.domain.extract_values import Columns, day, printable, seen_before
from carnet_identity.domain.finess import parse_finess
from carnet_identity.domain.nomenclatures import Nomenclatures
from carnet_identity.domain.rpps import parse_rpps
from carnet_identity.domain.siret import SIREN_LENGTH, parse_siren, parse_siret

SEPARATOR = "|"
NUMBER_KIND, NUMBER, NATIONAL_ID = "Type d'identifiant PP", "Identifiant PP", "Identification nationale PP"
TITLE, FAMILY_NAME, GIVEN_NAME = "Code civilité d'exercice", "Nom d'exercice", "Prénom d'exercice"
PROFESSION, CATEGORY = "Code profession", "Code catégorie professionnelle"
KNOW_HOW_KIND, KNOW_HOW, MODE = "Code type savoir-faire", "Code savoir-faire", "Code mode exercice"
SIRET, SIREN = "Numéro SIRET site", "Numéro SIREN site"
FINESS, ENTITY_FINESS = "Numéro FINESS site", "Numéro FINESS établissement juridique"
TECHNICAL, LEGAL_NAME, SIGN = "Identifiant technique de la structure", "Raison sociale site", "Enseigne commerciale site"
SECTOR, KIND = "Code secteur d'activité", "Code genre activité"
BEGIN, END = "Date de début activité", "Date de fin activité"

REQUIRED = (
    NUMBER_KIND,
    NUMBER,
    NATIONAL_ID,
    TITLE,
    FAMILY_NAME,
    GIVEN_NAME,
    PROFESSION,
    CATEGORY,
    KNOW_HOW_KIND,
    KNOW_HOW,
    MODE,
    SIRET,
    SIREN,
    FINESS,
    ENTITY_FINESS,
    TECHNICAL,
    LEGAL_NAME,
    SIGN,
    SECTOR,
    KIND,
)
OPTIONAL = (BEGIN, END)
_RPPS_KIND = "8"
_TITLES: Mapping[str, str] = {"DR": "Dr", "PR": "Pr"}
_ORDINARY = "S"
_LONGEST_NUMBER = 40
_MOST_REMEMBERED = 20_000


class _Codes(NamedTuple):
    """The codes of a line as it says them."""

    profession: str
    category: str
    know_how_kind: str
    know_how: str
    mode: str
    sector: str
    kind: str


class ActivityLine(NamedTuple):
    """A good line: whose activity, which, and the structure it describes; the activity's structure is the key of that."""

    rpps: str
    family_name: str
    given_name: str
    title: str
    activity: Activity
    structure: StructureEntry | None


class NationalExtract:
    """Reads the lines below one first line."""

    def __init__(self, first_line: str, codes: Nomenclatures) -> None:
        """Finds the columns; BrokenRule names the headings that are missing."""
        self._columns = Columns(first_line.split(SEPARATOR), REQUIRED, OPTIONAL)
        self._codes = codes
        self._finess, self._siret, self._siren = seen_before(parse_finess), seen_before(parse_siret), seen_before(parse_siren)
        self._checked: dict[_Codes, tuple[str, bool, bool]] = {}

    def read(self, line: str) -> ActivityLine:
        """A line without its end; BrokenRule otherwise."""
        # In the order of REQUIRED and OPTIONAL.
        # fmt: off
        (
            number_kind, number, national_id, title, family_name, given_name,
            profession, category, know_how_kind, know_how, mode,
            siret, siren, finess, entity, technical, legal_name, sign,
            sector, kind, begin, end,
        ) = self._columns.values(line.split(SEPARATOR))
        # fmt: on
        if number_kind != _RPPS_KIND:
            raise BrokenRule(NUMBER_KIND, "a professional of the directory has an RPPS: kind 8")
        rpps = parse_rpps(number, field=NUMBER)
        if national_id != _RPPS_KIND + rpps:
            raise BrokenRule(NATIONAL_ID, "the national identifier is 8 followed by the RPPS")
        specialty, is_locum, is_care = self._activity(_Codes(profession, category, know_how_kind, know_how, mode, sector, kind))
        begin, end = _period(begin, end) if begin or end else ("", "")
        structure = self._structure(finess, entity, siret, siren, technical, sign or legal_name)
        key = "" if structure is None else structure.key
        return ActivityLine(
            rpps,
            printable(family_name, FAMILY_NAME, LONGEST_TEXT),
            printable(given_name, GIVEN_NAME, LONGEST_TEXT),
            _TITLES.get(title, ""),
            Activity(key, profession, specialty, sector, mode, is_locum, is_care, begin, end),
            structure,
        )

    def _activity(self, said: _Codes) -> tuple[str, bool, bool]:
        """Speciality, whether it stands in for somebody, whether it is care; the country has a few thousand combinations."""
        found = self._checked.get(said)
        if found is None:
            if len(self._checked) >= _MOST_REMEMBERED:
                self._checked.clear()
            self._checked[said] = found = _checked(said, self._codes)
        return found

    def _structure(self, finess: str, entity: str, siret: str, siren: str, technical: str, name: str) -> StructureEntry | None:
        finess = self._finess(finess, FINESS) if finess else ""
        siret = self._siret(siret, SIRET) if siret else ""
        technical = printable(technical, TECHNICAL, _LONGEST_NUMBER) if technical else ""
        key = structure_key(finess, siret, technical)
        if not key:
            return None
        return StructureEntry(
            key,
            finess,
            self._finess(entity, ENTITY_FINESS) if entity else "",
            self._siren(siren, SIREN) if siren else siret[:SIREN_LENGTH],
            siret,
            printable(name, LEGAL_NAME, LONGEST_TEXT),
        )


def _checked(said: _Codes, codes: Nomenclatures) -> tuple[str, bool, bool]:
    if said.profession not in codes.professions:
        raise BrokenRule(PROFESSION, "a profession is a code of TRE_G15 in force")
    if said.category not in codes.categories:
        raise BrokenRule(CATEGORY, "a category is a code of TRE_R09 in force")
    if said.sector and said.sector not in codes.sectors:
        raise BrokenRule(SECTOR, "a sector is a code of TRE_R02 in force, or nothing")
    if said.mode and said.mode not in codes.modes:
        raise BrokenRule(MODE, "a mode of practice is a code of TRE_R23 in force, or nothing")
    if said.kind and said.kind not in codes.kinds:
        raise BrokenRule(KIND, "a kind of activity is a code of TRE_R22 in force, or nothing")
    is_care, is_locum = codes.kinds.get(said.kind, (False, False))
    return _specialty(said, codes), is_locum, is_care and codes.categories[said.category]


def _specialty(said: _Codes, codes: Nomenclatures) -> str:
    if not said.know_how:
        return ""
    if said.know_how_kind not in codes.know_how:
        raise BrokenRule(KNOW_HOW_KIND, "a kind of savoir-faire is a code of TRE_R04 in force")
    if said.know_how_kind == _ORDINARY and said.know_how not in codes.specialties:
        raise BrokenRule(KNOW_HOW, "a speciality is a code of TRE_R38 in force")
    if not SPECIALTY.fullmatch(said.know_how):
        raise BrokenRule(KNOW_HOW, "a savoir-faire is a code of letters A-Z, digits, _ and /")
    return said.know_how


def _period(begin: str, end: str) -> tuple[str, str]:
    first, last = day(begin, BEGIN), day(end, END)
    if first and last and last < first:
        raise BrokenRule(END, "an activity does not end before it begins")
    return first, last
