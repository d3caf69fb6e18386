"""What may be done with a mandate, by whom (domain.md 1.3; rules.md 12 and 13), and what time does to it.

Promises that a minor's mandate ends with her majority at the latest, that a caregiver's has an end within a year and a scope, that a
suspended representation comes back by new evidence alone, and that every step of time is made once: a step is a value, applied to the
revision it was worked out from. Refuses by BrokenRule, naming field and rule, never a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.mandate import Mandate, MandateKind, MandateState

LONGEST_TEXT = 500
MOST_OPEN = 20
"""Mandates of one holder that are in force or await an answer."""
MOST_CLASSES = 20
_CLASS = re.compile(r"[0-9]{2}")
_STATE = "STATE_FORBIDS"


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateTimes:
    """What the settings say of time."""

    age_of_majority: int
    """In years."""
    invitation: timedelta
    """How long an invitation can be answered."""
    longest_caregiving: timedelta
    notice_days: tuple[int, ...]
    """How many days before the end both are told, e.g. 30 and 7."""


class TimePassed(Enum):
    """What time makes of a mandate."""

    EXPIRED = "EXPIRED"
    """Nobody answered the invitation."""
    ENDS_SOON = "ENDS_SOON"
    """Both are to be told that it ends."""
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class TimeStep:
    """One step of time: the next revision, what happened, and why it ends (MAJORITY or DATE; empty for an invitation)."""

    mandate: Mandate
    passed: TimePassed
    cause: str = ""


def check_text(text: str, field: str) -> str:
    """A text in somebody's words: there is one, and it is short."""
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise BrokenRule(field, f"required, at most {LONGEST_TEXT} characters")
    return text.strip()


def check_classes(kind: MandateKind, classes: Sequence[str]) -> tuple[str, ...]:
    """The scope of a caregiver, sorted; a representative has none."""
    if kind.is_representation:
        if classes:
            raise BrokenRule("classes", "the scope by class is a caregiver's")
        return ()
    wanted = tuple(sorted(set(classes)))
    if not wanted or len(wanted) > MOST_CLASSES or not all(_CLASS.fullmatch(one) for one in wanted):
        raise BrokenRule("classes", "a caregiver's scope is a list of classes of two digits (JDV_J57)")
    return wanted


def check_span(begin: datetime, end: datetime | None, now: datetime) -> None:
    """An end lies ahead, and after the beginning."""
    if end is not None and end <= max(begin, now):
        raise BrokenRule("end_time", "the end lies ahead, and after the beginning")


def check_caregiving_span(begin: datetime | None, end: datetime | None, now: datetime, longest: timedelta) -> None:
    """A caregiver's mandate has an end, and does not last longer than the setting says."""
    if end is None:
        raise BrokenRule("end_time", "required: a caregiver's mandate has an end")
    if begin is not None and begin > now + longest:
        raise BrokenRule("begin_time", "the beginning is too far ahead")
    if end > max(begin or now, now) + longest:
        raise BrokenRule("end_time", f"a caregiver's mandate lasts at most {longest.days} days")


def end_of_representation(kind: MandateKind, asked: datetime | None, majority: datetime, now: datetime) -> tuple[datetime | None, bool]:
    """When a representation ends, and whether that is the majority. A minor is represented as a minor, an adult as an adult.

    Raises:
        BrokenRule: STATE_FORBIDS, when the holder's age does not fit the kind.
    """
    is_minor = now < majority
    if kind is MandateKind.MINOR_REPRESENTATION:
        if not is_minor:
            raise BrokenRule("kind", "the holder is of age", reason=_STATE)
        return (majority, True) if asked is None or asked >= majority else (asked, False)
    if is_minor:
        raise BrokenRule("kind", "the holder is a minor: her representation is a minor's", reason=_STATE)
    return asked, False


def check_room(of_holder: Iterable[Mandate]) -> None:
    """A holder has so many open mandates, and no more."""
    if sum(one.state.is_open for one in of_holder) >= MOST_OPEN:
        raise BrokenRule("holder", f"a person has at most {MOST_OPEN} mandates in force or invited", reason=_STATE)


def is_suspended_for(candidate: Mandate, of_holder: Iterable[Mandate]) -> bool:
    """Whether an earlier suspension stands against accepting an invitation.

    A suspended representation comes back by evidence alone; a suspended caregiver by an invitation made afterwards.
    """
    return any(
        one.state is MandateState.SUSPENDED
        and one.mandatary == candidate.mandatary
        and one.kind.is_representation == candidate.kind.is_representation
        and (candidate.kind.is_representation or one.closed_time is None or candidate.made_time <= one.closed_time)
        for one in of_holder
    )


def accepted(mandate: Mandate, of_holder: Iterable[Mandate], majority: datetime, now: datetime) -> Mandate:
    """The mandate as its mandatary accepts it.

    Raises:
        BrokenRule: STATE_FORBIDS, when it awaits no answer any more.
    """
    is_late = mandate.invitation_expires is None or now >= mandate.invitation_expires
    end, ends_at_majority = mandate.end, mandate.ends_at_majority
    if mandate.kind is MandateKind.MINOR_REPRESENTATION and (end is None or majority <= end):
        # As the birth date is known now: it may have been corrected since the invitation.
        end, ends_at_majority = majority, True
    if mandate.state is not MandateState.PENDING or is_late or (end is not None and now >= end):
        raise BrokenRule("mandate", "the invitation awaits no answer any more", reason=_STATE)
    if is_suspended_for(mandate, of_holder):
        raise BrokenRule("mandate", "an earlier mandate was suspended: it must be registered anew", reason=_STATE)
    return replace(
        mandate,
        state=MandateState.ACCEPTED,
        begin=mandate.begin or now,
        end=end,
        ends_at_majority=ends_at_majority,
        attest_time=now,
    )


def closed(mandate: Mandate, state: MandateState, now: datetime, *, reason: str = "") -> Mandate:
    """The mandate as refused, suspended or ended."""
    return replace(mandate, state=state, closed_time=now, reason=reason or mandate.reason)


def next_due(mandate: Mandate, notice_days: Sequence[int]) -> datetime | None:
    """When time next makes something of it; None when it never does."""
    if mandate.state is MandateState.PENDING:
        return mandate.invitation_expires
    if mandate.state is not MandateState.ACCEPTED or mandate.end is None:
        return None
    return min([mandate.end, *(mandate.end - timedelta(days=days) for days in notice_days if days not in mandate.notices)])


def step_of_time(mandate: Mandate, notice_days: Sequence[int], now: datetime) -> TimeStep | None:
    """What time has made of it by now; None when nothing is due, so that a step that was made is not made again."""
    due = next_due(mandate, notice_days)
    if due is None or now < due:
        return None
    if mandate.state is MandateState.PENDING:
        return TimeStep(closed(mandate, MandateState.EXPIRED, now), TimePassed.EXPIRED)
    end, cause = mandate.end or due, "MAJORITY" if mandate.ends_at_majority else "DATE"
    if end <= now:
        return TimeStep(closed(mandate, MandateState.ENDED, now), TimePassed.ENDED, cause)
    # Those that came at once, after a pause or for a mandate that is short, are one notice.
    come = {days for days in notice_days if end - timedelta(days=days) <= now}
    return TimeStep(replace(mandate, notices=tuple(sorted(come.union(mandate.notices)))), TimePassed.ENDS_SOON, cause)
