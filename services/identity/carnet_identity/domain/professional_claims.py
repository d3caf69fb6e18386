"""What Pro Santé Connect says of a professional (domain.md 1.2): who, in which practice, and whether a regulator of Centre 15.

One person speaks: `preferred_username`, `SubjectNameID` and the RPPS among `otherIds` are the same number, or the assertion is refused.
Whatever is malformed is refused, never left out: an identity or a practice that cannot be read might be the one that contradicts.

The directory decides what a professional is and where. A provider that knows no practice of that profession contradicts it, which
refuses (`CONTRADICTED`): one of the two speaks of somebody else. Another savoir-faire, sector or place is only noted in the event
(`differences`), since extracts of the directory come later than changes do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.rpps import RPPS_LENGTH, parse_rpps, rpps_of_idnps

CONTRADICTED = "USER_CONTRADICTED"

_RPPS = "RPPS"
_MOST_LINES = 50
_LONGEST_TEXT = 300
_CODE = re.compile(r"[A-Z0-9_]{0,20}")
_REGULATION = {"VRAI": True, "FAUX": False}
_PRACTICE_CODES = ("codeProfession", "codeCategorieProfessionnelle", "codeTypeSavoirFaire", "codeSavoirFaire")
_MODE, _SECTOR = "codeModeExercice", "codeSecteurDactivite"
_PLACES = ("numeroFinessSite", "numeroFinessetablissementJuridique")


@dataclass(frozen=True, slots=True)
class Practice:
    """An `exercice` of the professional: one profession, one savoir-faire, several activities."""

    profession: str
    specialty: str
    """Empty when none is stated."""
    sectors: frozenset[str]
    """TRE_R02 codes of its activities, as far as stated."""
    places: frozenset[str]
    """FINESS numbers of its activities, as far as stated."""


@dataclass(frozen=True, slots=True)
class ProfessionalClaims:
    """What is said of a professional."""

    rpps: str
    is_dispatcher: bool
    """`Acces_Regulation_Medicale`: she regulates calls of Centre 15."""
    practices: tuple[Practice, ...] | None
    """None when the provider says nothing of them."""


def read_professional(claims: Mapping[str, Any]) -> ProfessionalClaims:
    """What the claims say.

    Raises:
        BrokenRule: what is malformed or contradicts itself; never with a value.
    """
    rpps = rpps_of_idnps(_text(claims, "preferred_username"))
    if "SubjectNameID" in claims and claims["SubjectNameID"] != claims["preferred_username"]:
        raise BrokenRule("SubjectNameID", "SubjectNameID names the same person as preferred_username")
    _check_other_ids(claims, rpps)
    regulates = claims.get("Acces_Regulation_Medicale", "FAUX")
    if not isinstance(regulates, str) or regulates not in _REGULATION:
        raise BrokenRule("Acces_Regulation_Medicale", "Acces_Regulation_Medicale is VRAI or FAUX")
    return ProfessionalClaims(rpps, _REGULATION[regulates], _practices(claims))


def professions_of(practices: Sequence[Practice] | None) -> tuple[str, ...]:
    """The professions that the provider knows, in its order; ("",), for any, when it says nothing of them."""
    return ("",) if practices is None else tuple(dict.fromkeys(practice.profession for practice in practices))


def contradicted() -> BrokenRule:
    """What refuses a professional of whom the provider knows no practice of the profession in the directory."""
    return BrokenRule("structure", "the identity provider knows no practice of the profession in the directory", reason=CONTRADICTED)


def differences(practices: Sequence[Practice] | None, *, profession: str, specialty: str, sector: str, finess: str) -> tuple[str, ...]:
    """What a provider says otherwise than the directory does of an activity: `specialty`, `activity`; nothing where one is silent.

    Args:
        practices: those of the claims.
        profession: TRE_G15 code of the activity.
        specialty: its savoir-faire.
        sector: its sector, TRE_R02.
        finess: of its structure.
    """
    alike = [practice for practice in practices or () if practice.profession == profession]
    specialties = frozenset(practice.specialty for practice in alike) - {""}
    sectors = frozenset[str]().union(*(practice.sectors for practice in alike))
    places = frozenset[str]().union(*(practice.places for practice in alike))
    differs = []
    if _is_other(specialty, specialties):
        differs.append("specialty")
    if _is_other(sector, sectors) or _is_other(finess, places):
        differs.append("activity")
    return tuple(differs)


def _is_other(known: str, stated: frozenset[str]) -> bool:
    return known != "" and bool(stated) and known not in stated


def _check_other_ids(claims: Mapping[str, Any], rpps: str) -> None:
    for entry in _lines(claims, "otherIds"):
        number, origin = _text(entry, "identifiant", "otherIds"), _text(entry, "origine", "otherIds")
        if not number or not origin:
            raise BrokenRule("otherIds", "an entry of otherIds has identifiant and origine")
        if origin == _RPPS and _rpps_of(number) != rpps:
            raise BrokenRule("otherIds", "the RPPS of otherIds is that of preferred_username")


def _rpps_of(number: str) -> str:
    # As an RPPS or, as Pro Santé Connect writes it, as an IDNPS.
    return parse_rpps(number, field="otherIds") if len(number) == RPPS_LENGTH else rpps_of_idnps(number, field="otherIds")


def _practices(claims: Mapping[str, Any]) -> tuple[Practice, ...] | None:
    if "SubjectRefPro" not in claims:
        return None
    said = claims["SubjectRefPro"]
    if not isinstance(said, Mapping) or "exercices" not in said:
        raise BrokenRule("SubjectRefPro", "SubjectRefPro has exercices")
    return tuple(_practice(entry) for entry in _lines(said, "exercices"))


def _practice(entry: Mapping[str, Any]) -> Practice:
    profession, _, _, specialty = (_code(entry, name, "exercices") for name in _PRACTICE_CODES)
    if not profession:
        raise BrokenRule("exercices", "an exercice has a codeProfession")
    sectors, places = set[str](), set[str]()
    for activity in _lines(entry, "activities"):
        _code(activity, _MODE, "activities")
        sectors.add(_code(activity, _SECTOR, "activities"))
        places |= {_code(activity, name, "activities") for name in _PLACES}
    return Practice(profession, specialty, frozenset(sectors - {""}), frozenset(places - {""}))


def _lines(claims: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """A list of objects; absent is empty."""
    lines = claims.get(name, [])
    if not isinstance(lines, list) or len(lines) > _MOST_LINES or not all(isinstance(line, Mapping) for line in lines):
        raise BrokenRule(name, f"{name} is a list of at most {_MOST_LINES} objects")
    return lines


def _text(line: Mapping[str, Any], name: str, field: str = "") -> str:
    value = line.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise BrokenRule(field or name, f"{name} is a text")
    return value


def _code(line: Mapping[str, Any], name: str, field: str) -> str:
    value = _text(line, name, field)
    if not _CODE.fullmatch(value):
        raise BrokenRule(field, f"{name} is a code of letters A-Z, digits and _")
    return value
