"""The traits of an identity (domain.md 1.1): what may be registered, field by field.

Promises that a `Traits` made by `parse_traits` holds names of A-Z, blank, hyphen and apostrophe of at most 100 characters, a
birth date that exists as far as it is known and does not lie ahead, and a first given name that begins the list of all. Refuses
the rest and names the field and the rule, never the value.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from carnet_identity.domain.broken_rule import BrokenRule

LONGEST_NAME = 100
STRICT = ("birth_family_name", "first_given_name", "given_names", "birth_date", "sex", "birth_place")
"""The strict traits: five and the first given name (domain.md 1.1). The names in use are not among them."""
_NAME = re.compile(r"(?! )[A-Z '\-]*[A-Z][A-Z '\-]*(?<! )")
_PLACE = re.compile(r"(?:[0-9]{2}|2[AB])[0-9]{3}")
_DATE = re.compile(r"[0-9]{8}")
_EARLIEST_YEAR = 1850
_MONTHS = 12
_LONGEST_MONTH = 31


class Sex(Enum):
    """Administrative sex; the value is the name in the contract without its prefix."""

    MALE = "MALE"
    FEMALE = "FEMALE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The strict traits and the names in use. Empty strings and None stand for what was not said."""

    birth_family_name: str
    first_given_name: str
    birth_date: str
    sex: Sex | None
    given_names: str = ""
    birth_place: str = ""
    used_family_name: str = ""
    used_given_name: str = ""

    def __repr__(self) -> str:
        """Hides the traits: a repr reaches logs."""
        return "Traits(...)"


def parse_traits(traits: Traits, *, today: date, field: str = "traits") -> Traits:
    """The traits themselves, checked for registration.

    Args:
        traits: as the software sent them.
        today: in UTC; a birth of the following day is taken, since it may be tomorrow overseas.
        field: path of the traits in the message that held them.

    Raises:
        BrokenRule: INVALID_FIELD.
    """
    for name in ("birth_family_name", "first_given_name"):
        if not getattr(traits, name):
            raise BrokenRule(f"{field}.{name}", "required")
    for name in ("birth_family_name", "first_given_name", "given_names", "used_family_name", "used_given_name"):
        _check_name(getattr(traits, name), f"{field}.{name}")
    if traits.given_names and not starts_with_words(traits.given_names.split(" "), traits.first_given_name.split(" ")):
        raise BrokenRule(f"{field}.given_names", "the list of given names begins with the first given name")
    check_birth_date(traits.birth_date, today=today, field=f"{field}.birth_date")
    if traits.sex is None:
        raise BrokenRule(f"{field}.sex", "required")
    if traits.birth_place and not _PLACE.fullmatch(traits.birth_place):
        raise BrokenRule(f"{field}.birth_place", "a place of birth is an INSEE code of five characters")
    return traits


def parse_commune(value: str, *, field: str = "residence_commune") -> str:
    """The commune of residence itself (TD1.3); empty where it is not known.

    Raises:
        BrokenRule: INVALID_FIELD.
    """
    if value and not _PLACE.fullmatch(value):
        raise BrokenRule(field, "a commune of residence is an INSEE code of five characters")
    return value


def strict_difference(held: Traits, wanted: Traits) -> tuple[str, ...]:
    """The strict traits that are not the same, letter for letter."""
    return tuple(trait for trait in STRICT if getattr(held, trait) != getattr(wanted, trait))


def starts_with_words(words: list[str], beginning: list[str]) -> bool:
    """Whether a list of words begins with another list of words."""
    return words[: len(beginning)] == beginning


def check_birth_date(value: str, *, today: date, field: str) -> None:
    """Refuses what is no YYYYMMDD of a person now living or dead, where 00 stands for an unknown day or month.

    Raises:
        BrokenRule: INVALID_FIELD.
    """
    _check_date(value, "a birth date", today, field)


def check_death_date(value: str, birth_date: str, *, today: date, field: str) -> None:
    """Refuses what is no YYYYMMDD between a birth, as far as it is known, and today.

    Raises:
        BrokenRule: INVALID_FIELD.
    """
    _check_date(value, "a date of death", today, field)
    for begin, end in ((0, 4), (4, 6), (6, 8)):
        died, born = int(value[begin:end]), int(birth_date[begin:end])
        if not died or not born or died > born:
            return
        if died < born:
            raise BrokenRule(field, "a date of death does not lie before the birth")


def _check_date(value: str, what: str, today: date, field: str) -> None:
    if not _DATE.fullmatch(value):
        raise BrokenRule(field, f"{what} is YYYYMMDD, with 00 for an unknown day or month")
    year, month, day = int(value[:4]), int(value[4:6]), int(value[6:])
    if year < _EARLIEST_YEAR or month > _MONTHS or day > _days(year, month):
        raise BrokenRule(field, f"{what} exists in the calendar")
    if date(year, month or 1, day or 1) > today + timedelta(days=1):
        raise BrokenRule(field, f"{what} does not lie ahead")


def _days(year: int, month: int) -> int:
    return monthrange(year, month)[1] if month else _LONGEST_MONTH


def _check_name(value: str, field: str) -> None:
    if len(value) > LONGEST_NAME:
        raise BrokenRule(field, f"a name has at most {LONGEST_NAME} characters")
    if value and not _NAME.fullmatch(value):
        raise BrokenRule(field, "a name is written in A-Z, blank, hyphen and apostrophe, and neither begins nor ends with a blank")
