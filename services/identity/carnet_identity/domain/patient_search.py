"""Looking for a person without her INS (rules.md 10): what must be said, how well somebody fits, who may be shown.

For treatment the person is present: family name, a given name and the whole date of birth are said, and names fit whole. In an emergency
any two of family name, given name, date or range of birth and commune are enough, and one word of a double name fits, less well. Every
term that is said must fit. More than `MOST_SCORED` in question are too many to be shown: more must be said. The living come before the
dead, and whoever is long dead is found by INS alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.identity_status import IdentityAttribute
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.search_terms import (
    OTHER,
    PART,
    WHOLE,
    Keys,
    Span,
    Terms,
    asked_family,
    asked_given,
    family_keys,
    given_keys,
    longest_range,
    span_of,
)
from carnet_identity.domain.traits import LONGEST_NAME, Sex, check_birth_date, parse_commune

MOST_SCORED: Final = 200
MOST_SHOWN: Final = 20
FEWEST_TERMS: Final = 2
_TOO_WIDE: Final = "SEARCH_TOO_WIDE"
_WEIGHTS: Final = {"family": 4, "given": 3, "born": 4, "commune": 1}
_POSSIBLE: Final = 0.7
"""A date that may be the one said, since a part of it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A search as the software sent it, unchecked; empty and None stand for what was not said."""

    family_name: str = ""
    given_name: str = ""
    birth_date: str = ""
    earliest_birth_date: str = ""
    latest_birth_date: str = ""
    commune: str = ""
    sex: Sex | None = None

    def __repr__(self) -> str:
        """Hides the terms: a repr reaches logs."""
        return "Said(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A search that may be made."""

    terms: Terms
    sex: Sex | None
    is_emergency: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody who fits, 0 to 100."""

    patient: Patient
    score: int
    is_homonym_known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSearch:
    """Whom a professional was shown, so that he may say who was meant."""

    id: str
    professional: str
    """`professionals/{professional}`."""
    patients: tuple[str, ...]
    """Ids of the candidates, best first."""
    expire_time: datetime
    """In UTC."""

    @property
    def name(self) -> str:
        """`patientSearches/{search}`, opaque."""
        return f"patientSearches/{self.id}"


def parse_search(said: Said, *, is_emergency: bool, today: date) -> Wanted:
    """The search, checked.

    Args:
        said: as the software sent it.
        is_emergency: whether the token's purpose is one of an emergency.
        today: in UTC.

    Raises:
        BrokenRule: INVALID_FIELD, or SEARCH_TOO_WIDE when too little is said.
    """
    terms = Terms(
        family=_keys(said.family_name, "family_name", asked_family(said.family_name)),
        given=_keys(said.given_name, "given_name", asked_given(said.given_name)),
        born=_born(said, today),
        commune=parse_commune(said.commune, field="commune"),
    )
    if not is_emergency:
        terms = _for_treatment(terms)
    elif len(terms.said) < FEWEST_TERMS:
        raise BrokenRule("", "say two of family name, given name, date or range of birth, and commune at least", reason=_TOO_WIDE)
    return Wanted(terms=terms, sex=None if said.sex is Sex.UNKNOWN else said.sex, is_emergency=is_emergency)


def choose(wanted: Wanted, found: Sequence[Patient], *, now: datetime, deceased_found_for: timedelta) -> list[Candidate]:
    """Those of at most `MOST_SCORED` persons who fit, best first; the dead behind the living; at most `MOST_SHOWN`.

    Whoever has been stated dead for longer than `deceased_found_for` at `now` (UTC) is not among them.
    """
    scored = [(patient, score_of(wanted, patient)) for patient in found[:MOST_SCORED]]
    fitting = [
        Candidate(patient=patient, score=score)
        for patient, score in scored
        if score is not None and (patient.death is None or now - patient.death.record_time <= deceased_found_for)
    ]
    fitting.sort(key=lambda one: (one.patient.is_deceased, -one.score, one.patient.id))
    homonymies = [_homonymy(one.patient) for one in fitting]
    alike = Counter(homonymies)
    return [
        replace(one, is_homonym_known=alike[homonymy] > 1 or IdentityAttribute.HOMONYM in one.patient.attributes)
        for one, homonymy in zip(fitting[:MOST_SHOWN], homonymies, strict=False)
    ]


def score_of(wanted: Wanted, patient: Patient) -> int | None:
    """How well all that is said fits a person, 0 to 100; None when something does not."""
    traits, terms = patient.traits, wanted.terms
    if wanted.sex is not None and traits.sex not in (wanted.sex, Sex.UNKNOWN, None):
        return None
    fits: dict[str, float] = {}
    if terms.family:
        fits["family"] = _fit(terms.family, family_keys(traits.birth_family_name, traits.used_family_name), wanted)
    if terms.given:
        fits["given"] = _fit(terms.given, given_keys(traits.first_given_name, traits.given_names, traits.used_given_name), wanted)
    if terms.born:
        fits["born"] = _fit_of_birth(terms.born, span_of(traits.birth_date))
    if terms.commune:
        fits["commune"] = {traits.birth_place: OTHER, patient.residence_commune: WHOLE}.get(terms.commune, 0.0)
    if not all(fits.values()):
        return None
    return round(100 * sum(_WEIGHTS[term] * fit for term, fit in fits.items()) / sum(_WEIGHTS[term] for term in fits))


def _fit(asked: Keys, registered: Keys, wanted: Wanted) -> float:
    least = PART if wanted.is_emergency else OTHER
    best = max((min(fit, registered[key]) for key, fit in asked.items() if key in registered), default=0.0)
    return best if best >= least else 0.0


def _fit_of_birth(asked: Span, registered: Span) -> float:
    if asked.holds(registered):
        return WHOLE
    return _POSSIBLE if asked.meets(registered) else 0.0


def _homonymy(patient: Patient) -> tuple[str, str, str]:
    traits = patient.traits
    family, given = (next(iter(keys), "") for keys in (family_keys(traits.birth_family_name), given_keys(traits.first_given_name)))
    return family, given, traits.birth_date


def _for_treatment(terms: Terms) -> Terms:
    """The terms with whole names alone; refused without family name, given name and the day of birth."""
    for field, is_said in (
        ("family_name", bool(terms.family)),
        ("given_name", bool(terms.given)),
        ("birth_date", terms.born is not None and terms.born.is_day),
    ):
        if not is_said:
            raise BrokenRule(field, "for treatment say family name, given name and the whole date of birth", reason=_TOO_WIDE)
    return replace(terms, family=_wholes(terms.family), given=_wholes(terms.given))


def _wholes(keys: Keys) -> Keys:
    return {key: fit for key, fit in keys.items() if fit >= OTHER}


def _keys(name: str, field: str, keys: Keys) -> Keys:
    if len(name) > LONGEST_NAME:
        raise BrokenRule(field, f"a name has at most {LONGEST_NAME} characters")
    if name and not keys:
        raise BrokenRule(field, "a name holds a letter")
    return keys


def _born(said: Said, today: date) -> Span | None:
    ends = {"earliest_birth_date": said.earliest_birth_date, "latest_birth_date": said.latest_birth_date}
    if not any(ends.values()):
        return _span(said.birth_date, "birth_date", today) if said.birth_date else None
    if said.birth_date:
        raise BrokenRule("birth_date", "say a date of birth or a range of dates, not both")
    for field, value in ends.items():
        if not value:
            raise BrokenRule(field, "a range of dates of birth has an earliest and a latest one")
    earliest, latest = (_span(value, field, today) for field, value in ends.items())
    born = Span(earliest.first, latest.last)
    if born.last < born.first:
        raise BrokenRule("latest_birth_date", "the latest date of birth does not come before the earliest")
    if born.last > longest_range(born.first):
        raise BrokenRule("latest_birth_date", "a range of dates of birth is of twenty years at most", reason=_TOO_WIDE)
    return born


def _span(value: str, field: str, today: date) -> Span:
    check_birth_date(value, today=today, field=field)
    return span_of(value)
