"""The comparison before a first access: what a software holds of a person against the registry (DEVBOX EX_GEN-1230; domain.md 1.1).

At least the birth name, the first given name and the birth date are compared. One of them that differs, or that the software lacks, is
for a person to decide, and so is another sex. Accents, case, hyphens and apostrophes do not count. Whatever else differs is told and
opens no question. Nothing of the registry's is told, and nothing is taken over from either side (PDSM4DMP RG_0320).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.comparison import fold
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Sex, Traits

KEPT = timedelta(minutes=15)
"""How long a comparison may be settled: the person is in front of the professional."""


@dataclass(frozen=True, slots=True)
class AccessDifference:
    """A trait that differs; `must_be_settled` when a person must decide before the first access."""

    trait: str
    must_be_settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAccess:
    """A comparison in which something must be settled: who compared, with whom, what differs. Instants in UTC."""

    id: str
    professional: str
    """`professionals/{professional}`."""
    patient: str
    """`patients/{patient}`."""
    differences: tuple[str, ...]
    """The traits that must be settled, by name."""
    expire_time: datetime
    settle_time: datetime | None = None
    is_same_person: bool | None = None
    """What the professional decided; None as long as he has not."""

    @property
    def name(self) -> str:
        """`comparisons/{comparison}`, opaque."""
        return f"comparisons/{self.id}"


def compare_for_access(traits: Traits, ins: Ins, patient: Patient) -> tuple[AccessDifference, ...]:
    """Every trait that differs, in the order of the contract.

    Args:
        traits: what the software holds, unchecked; what it lacks is empty or None.
        ins: the INS it holds, present or former.
        patient: the person who bears it or bore it.
    """
    held = patient.traits
    must = [
        ("birth_family_name", fold(traits.birth_family_name) != fold(held.birth_family_name)),
        ("first_given_name", fold(traits.first_given_name) != fold(held.first_given_name)),
        ("birth_date", traits.birth_date != held.birth_date),
        ("sex", _is_other_sex(traits.sex, held.sex)),
    ]
    may = [(trait, _is_other(getattr(traits, trait), getattr(held, trait))) for trait in ("given_names", "birth_place", "used_family_name")]
    may += [("used_given_name", _is_other(traits.used_given_name, held.used_given_name)), ("ins", ins != patient.ins)]
    found = [AccessDifference(trait, must_be_settled=True) for trait, differs in must if differs]
    return (*found, *(AccessDifference(trait, must_be_settled=False) for trait, differs in may if differs))


def is_open(comparison: FirstAccess, now: datetime) -> bool:
    """Whether a record of this person must wait: not settled as the same person, and its fifteen minutes are not over."""
    return comparison.is_same_person is not True and now < comparison.expire_time


def settled(comparison: FirstAccess, *, is_same_person: bool, now: datetime) -> FirstAccess:
    """The comparison as decided, once and in time.

    Raises:
        BrokenRule: STATE_FORBIDS, when it is settled already or its time is over.
    """
    if comparison.settle_time is not None:
        raise BrokenRule("comparison", "this comparison is settled already", reason="STATE_FORBIDS")
    if now >= comparison.expire_time:
        raise BrokenRule("comparison", "this comparison is too old; compare again", reason="STATE_FORBIDS")
    return replace(comparison, settle_time=now, is_same_person=is_same_person)


def _is_other(said: str, held: str) -> bool:
    return bool(said) and fold(said) != fold(held)


def _is_other_sex(said: Sex | None, held: Sex | None) -> bool:
    return said is not None and held is not None and said is not held and Sex.UNKNOWN not in (said, held)
