"""Whether the header of a document speaks of a person (rules.md 20), and whether two registrations do.

A header is written by hand and by old software, so accents, case, hyphens and apostrophes do not count, and what is only
poorer (a shorter list of given names, an unknown day, a number that fails its key) is a warning. What means another patient
is decisive: another valid INS, another birth name, first given name, birth date or sex. An INS that the person bore before is decisive
too, under a name of its own: it is hers, and not usable for a new deposit (domain.md 1.1). A header that lacks its birth name, first
given name or birth date identifies nobody: `is_same_person` is false although no trait of it is decisive.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from carnet_identity.domain import ins as ins_rules
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.traits import Sex, Traits, starts_with_words

_LETTERS_WITHOUT_DECOMPOSITION = str.maketrans({"Œ": "OE", "Æ": "AE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH", "ẞ": "SS"})
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_DATE_DIGITS = re.compile(r"([0-9]{4})([0-9]{2})?([0-9]{2})?(?:[0-9]{2,6})?(?:\.[0-9]+)?(?:[+-][0-9]{4})?")
_LONGEST_HEADER_VALUE = 400


@dataclass(frozen=True, slots=True)
class Difference:
    """A trait that differs; `is_decisive` when that means another patient, else a warning."""

    trait: str
    is_decisive: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found, trait by trait in the order of the contract."""

    is_same_person: bool
    differences: tuple[Difference, ...]


def fold(name: str) -> tuple[str, ...]:
    """The words of a name without accents, case, hyphens and apostrophes. At most 400 characters are looked at."""
    upper = name[:_LONGEST_HEADER_VALUE].upper().translate(_LETTERS_WITHOUT_DECOMPOSITION)
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", upper) if not unicodedata.combining(letter))
    return tuple(_BETWEEN_WORDS.sub(" ", bare).split())


def compare_header(
    header: Traits, header_ins: tuple[str, str] | None, person: Traits, person_ins: Ins, former: Sequence[Ins] = ()
) -> Comparison:
    """Compares the patient of a header with a person.

    Args:
        header: its traits, unchecked; what it lacks is empty or None.
        header_ins: value and authority as written there, or None.
        person: the registered traits.
        person_ins: the registered INS.
        former: those she bore before. They are history: nothing new is deposited under one (domain.md 1.1), and the difference is
            called `former_ins`, since the document may well be hers.
    """
    found = [
        _ins_difference(header_ins, person_ins, former),
        _name_difference(header.birth_family_name, person.birth_family_name),
        _first_name_difference(header, person),
        _list_difference(header, person),
        _date_difference(header.birth_date, person.birth_date),
        _sex_difference(header.sex, person.sex),
    ]
    differences = tuple(difference for difference in found if difference is not None)
    is_another = any(difference.is_decisive for difference in differences)
    return Comparison(is_same_person=not is_another and _identifies_somebody(header), differences=differences)


def traits_that_contradict(held: Traits, sent: Traits) -> tuple[str, ...]:
    """The traits in which two registrations under one INS contradict each other; what either leaves out does not."""
    names = [
        trait
        for trait in ("birth_family_name", "first_given_name", "birth_place")
        if getattr(held, trait) and getattr(sent, trait) and fold(getattr(held, trait)) != fold(getattr(sent, trait))
    ]
    shorter, longer = sorted((list(fold(held.given_names)), list(fold(sent.given_names))), key=len)
    lists = [] if starts_with_words(longer, shorter) else ["given_names"]
    return (*names, *lists, *(trait for trait in ("birth_date", "sex") if getattr(held, trait) != getattr(sent, trait)))


def _identifies_somebody(header: Traits) -> bool:
    given = fold(header.first_given_name) or fold(header.given_names)
    return bool(fold(header.birth_family_name) and given and _read_date(header.birth_date))


def _ins_difference(header: tuple[str, str] | None, person: Ins, former: Sequence[Ins]) -> Difference | None:
    if header is None or not ins_rules.normalise(header[0]):
        return None
    number = ins_rules.normalise(header[0])
    if number != person.value:
        if any(number == one.value for one in former):
            return Difference("former_ins", is_decisive=True)
        return Difference("ins", is_decisive=ins_rules.has_key(number))
    return None if header[1] == person.authority else Difference("ins", is_decisive=False)


def _name_difference(header: str, person: str) -> Difference | None:
    words = fold(header)
    if not words:
        return Difference("birth_family_name", is_decisive=False)
    return None if words == fold(person) else Difference("birth_family_name", is_decisive=True)


def _first_name_difference(header: Traits, person: Traits) -> Difference | None:
    first, wanted = fold(header.first_given_name), fold(person.first_given_name)
    if first:
        return None if first == wanted else Difference("first_given_name", is_decisive=True)
    # A header with the list alone: its beginning is the first given name, of as many words as the person's.
    listed = fold(header.given_names)
    if not listed:
        return Difference("first_given_name", is_decisive=False)
    return None if starts_with_words(list(listed), list(wanted)) else Difference("first_given_name", is_decisive=True)


def _list_difference(header: Traits, person: Traits) -> Difference | None:
    # Only the first given name is compared to decide; the others are kept as they are written, with a warning.
    listed, held = fold(header.given_names), fold(person.given_names)
    return Difference("given_names", is_decisive=False) if listed and held and listed != held else None


def _read_date(value: str) -> tuple[int, int, int] | None:
    """Year, month and day of an HL7 date or time, 0 for what is unknown; None when it is none."""
    match = _DATE_DIGITS.fullmatch(value)
    return (int(match[1]), int(match[2] or 0), int(match[3] or 0)) if match else None


def _date_difference(header: str, person: str) -> Difference | None:
    said, held = _read_date(header), _read_date(person)
    if said is None or held is None:
        return Difference("birth_date", is_decisive=False)
    if said == held:
        return None
    is_other = said[0] != held[0] or any(a and b and a != b for a, b in zip(said[1:], held[1:], strict=True))
    return Difference("birth_date", is_decisive=is_other)


def _sex_difference(header: Sex | None, person: Sex | None) -> Difference | None:
    if header is None or header is person:
        return None
    return Difference("sex", is_decisive=Sex.UNKNOWN not in (header, person))
