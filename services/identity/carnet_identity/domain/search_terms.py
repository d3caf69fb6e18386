"""By which combinations of values a person is found: names folded, values joined in twos and threes, never one by itself.

A *composite* is a tuple: its kind, then its values. A name beside a date, a date beside a town: what a combination gives away when only its
blind form is seen stands in docs/threat-model.md. Promises that whoever is registered is found by every two of family name, given name,
date of birth and commune, said in whole or as far as they are known, whatever accents, case, blanks, hyphens, apostrophes and ligatures
the searcher writes; and that neither side makes more composites than `MOST_COMPOSITES`. Of a person with many names the first ones count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final

from carnet_identity.domain.comparison import fold
from carnet_identity.domain.traits import Traits

Composite = tuple[str, ...]

WHOLE: Final = 1.0
OTHER: Final = 0.9
PART: Final = 0.6
"""How well a key stands for a name: as a whole, as another one of several, as one word of a double name."""

MOST_FAMILY_KEYS: Final = 6
MOST_GIVEN_KEYS: Final = 10
MOST_ASKED_KEYS: Final = 4
MOST_COMPOSITES: Final = 512
LONGEST_RANGE_YEARS: Final = 20
_MONTHS: Final = 12
_MOST_MONTHS: Final = 13
"""A range of more months is looked for year by year."""
_SHORTEST_PART: Final = 3
_LONGEST: Final = 400
_WORDS: Final = re.compile("[A-Z0-9]+")

Keys = Mapping[str, float]
"""The folded forms of a name, each with how well it stands for it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days, as numbers YYYYMMDD, between which somebody was born: one day, or what is not known of it."""

    first: int
    last: int

    def meets(self, other: Span) -> bool:
        """Whether both may be of one person."""
        return self.first <= other.last and other.first <= self.last

    def holds(self, other: Span) -> bool:
        """Whether the other lies in this one whole."""
        return self.first <= other.first and other.last <= self.last

    @property
    def is_day(self) -> bool:
        """Whether the day is known."""
        return self.first == self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is said of the person looked for; empty and None stand for what is not."""

    family: Keys = field(default_factory=dict)
    given: Keys = field(default_factory=dict)
    born: Span | None = None
    commune: str = ""

    def __repr__(self) -> str:
        """Hides the terms: a repr reaches logs."""
        return "Terms(...)"

    @property
    def said(self) -> tuple[str, ...]:
        """Which terms are said, by their names in events."""
        values = {"FAMILY_NAME": self.family, "GIVEN_NAME": self.given, "BIRTH_DATE": self.born, "COMMUNE": self.commune}
        return tuple(name for name, value in values.items() if value)


def span_of(birth_date: str) -> Span:
    """The days a YYYYMMDD stands for, where 00 is unknown; without its month a day says nothing."""
    year, month, day = int(birth_date[:4]), int(birth_date[4:6]), int(birth_date[6:])
    if not month:
        day = 0
    base = year * 10_000
    return Span(base + (month or 1) * 100 + (day or 1), base + (month or _MONTHS) * 100 + (day or 31))


def longest_range(first: int) -> int:
    """The last day, as a number YYYYMMDD, of the longest range that begins with one."""
    return first + LONGEST_RANGE_YEARS * 10_000


def family_keys(*names: str, most: int = MOST_FAMILY_KEYS) -> Keys:
    """The keys of a person's family names, or of one asked for: each whole, then the longer words of those of several words."""
    words = [_words(name) for name in names]
    return _first(chain((("".join(several), WHOLE) for several in words), *map(_parts, words)), most)


def given_keys(first: str, others: str = "", used: str = "") -> Keys:
    """The keys of a person's given names: the first and the used one whole, then each other one, then the words of double ones."""
    words = _words_of((first, others, used))
    wholes = (("".join("".join(words[one]) for one in name.split()), WHOLE) for name in (first, used))
    each = (("".join(several), OTHER) for several in words.values())
    return _first(chain(wholes, each, *map(_parts, words.values())), MOST_GIVEN_KEYS)


def asked_family(name: str) -> Keys:
    """The keys of a family name asked for."""
    return family_keys(name, most=MOST_ASKED_KEYS)


def asked_given(name: str) -> Keys:
    """The keys of one or several given names asked for: together, each, and each word.

    Nobody hears whether JEAN PIERRE is one name or two, so a word of it counts as another name.
    """
    words = _words_of((name,))
    each = ("".join(several) for several in words.values())
    every_word = (word for several in words.values() for word in several)
    return _first(chain([(_joined(words.values()), WHOLE)], ((key, OTHER) for key in (*each, *every_word))), MOST_ASKED_KEYS)


def composites_of(traits: Traits, communes: Iterable[str]) -> frozenset[Composite]:
    """All composites under which a person is found; `communes` are those of residence and of birth."""
    family = family_keys(traits.birth_family_name, traits.used_family_name)
    given = given_keys(traits.first_given_name, traits.given_names, traits.used_given_name)
    dates = _registered_dates(traits.birth_date)
    towns = [commune for commune in dict.fromkeys(communes) if commune]
    names = [(one, other) for one in family for other in given]
    return frozenset(
        chain(
            (("family+given", *pair) for pair in names),
            (("family+given+born", *pair, date) for pair in names for date in dates),
            (("family+born", name, date) for name in family for date in (*dates, *_registered_month(traits.birth_date))),
            (("given+born", name, date) for name in given for date in dates),
            (("commune+born", town, date) for town in towns for date in dates),
            (("family+commune", name, town) for name in family for town in towns),
            (("given+commune", name, town) for name in given for town in towns),
        )
    )


def composites_for(terms: Terms) -> frozenset[Composite]:
    """The composites of which those who fit all terms bear at least one; at least two terms are said.

    The combination that few share is taken: names with a date, then a name with a day, then a name with a town.
    """
    family, given, born, town = terms.family, terms.given, terms.born, terms.commune
    if family and given and born:
        return frozenset(("family+given+born", one, other, date) for one in family for other in given for date in _asked_dates(born))
    kind, names = ("family", family) if family else ("given", given)
    if names and born and (born.is_day or not town):
        dates = _asked_beside_family(born) if family else _asked_dates(born)
        return frozenset((f"{kind}+born", name, date) for name in names for date in dates)
    if names and town:
        return frozenset((f"{kind}+commune", name, town) for name in names)
    if family and given:
        return frozenset(("family+given", one, other) for one in family for other in given)
    if born and town:
        return frozenset(("commune+born", town, date) for date in _asked_dates(born))
    raise ValueError("a person is looked for by two terms at least")


# A date in a composite is a day YYYYMMDD (with 00 where it is unknown), a year YYYY, or beside a family name a month YYYYMM.


def _registered_dates(birth_date: str) -> tuple[str, str]:
    year = birth_date[:4]
    return (birth_date if birth_date[4:6] != "00" else f"{year}0000"), year


def _registered_month(birth_date: str) -> tuple[str, ...]:
    return (birth_date[:6],) if birth_date[4:6] != "00" else ()


def _asked_dates(born: Span) -> tuple[str, ...]:
    """The days or years that a span meets."""
    if born.is_day:
        day = f"{born.first:08}"
        return (day, f"{day[:6]}00", f"{day[:4]}0000")
    return tuple(f"{year:04}" for year in range(born.first // 10_000, born.last // 10_000 + 1))


def _asked_beside_family(born: Span) -> tuple[str, ...]:
    """The same, with months where they are few."""
    first, last = (day // 10_000 * _MONTHS + day // 100 % 100 - 1 for day in (born.first, born.last))
    if born.is_day or last - first >= _MOST_MONTHS:
        return _asked_dates(born)
    months = tuple(f"{month // _MONTHS:04}{month % _MONTHS + 1:02}" for month in range(first, last + 1))
    # Whoever was born in an unknown month of those years may be meant.
    return months + tuple(f"{year}0000" for year in _asked_dates(born))


def _words(name: str) -> Sequence[str]:
    if name.isascii():
        # As `fold`, and several times faster: what is registered is written so.
        return _WORDS.findall(name[:_LONGEST].upper())
    # Decomposed first: a ligature may bear an accent.
    return fold(unicodedata.normalize("NFKD", name[:_LONGEST]))


def _words_of(names: Iterable[str]) -> dict[str, Sequence[str]]:
    """The words of each name of several lists, in their order."""
    return {one: _words(one) for name in names for one in name.split()}


def _joined(several: Iterable[Sequence[str]]) -> str:
    return "".join(chain.from_iterable(several))


def _parts(words: Sequence[str]) -> Iterator[tuple[str, float]]:
    return ((word, PART) for word in words if len(words) > 1 and len(word) >= _SHORTEST_PART)


def _first(keys: Iterable[tuple[str, float]], most: int) -> Keys:
    """The first of the different keys, each as well as it stands anywhere among them."""
    found: dict[str, float] = {}
    for key, fit in islice(keys, MOST_COMPOSITES):
        if key and (key in found or len(found) < most):
            found[key] = max(fit, found.get(key, 0.0))
    return found
