"""What may be done with a mandate, and what time does to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.mandate import Mandate, MandateKind, MandateRelation, MandateState
from carnet_identity.domain.mandate_rules import (
    MOST_OPEN,
    TimePassed,
    accepted,
    check_caregiving_span,
    check_classes,
    check_room,
    check_span,
    check_text,
    closed,
    end_of_representation,
    next_due,
    step_of_time,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MAJORITY = NOW + 1000 * DAY
NOTICES = (30, 7)
MINOR, ADULT, CARE = MandateKind.MINOR_REPRESENTATION, MandateKind.ADULT_REPRESENTATION, MandateKind.CAREGIVING


def mandate(**changes: Any) -> Mandate:  # noqa: ANN401 - fields of the value
    good = Mandate(
        id="m",
        holder="patients/child",
        mandatary="patients/father",
        kind=MINOR,
        relation=MandateRelation.FATHER,
        state=MandateState.PENDING,
        made_by="patients/mother",
        made_time=NOW,
        end=MAJORITY,
        ends_at_majority=True,
        invitation_expires=NOW + 30 * DAY,
    )
    return replace(good, **changes)


def in_force(**changes: Any) -> Mandate:  # noqa: ANN401
    return mandate(state=MandateState.ACCEPTED, begin=NOW, attest_time=NOW, **changes)


def broken(reason: str, call: Any) -> str:  # noqa: ANN401 - whatever is called
    with pytest.raises(BrokenRule) as caught:
        call()
    assert caught.value.reason == reason
    return caught.value.field


def test_a_minors_representation_ends_at_majority_at_the_latest() -> None:
    """domain.md 1.3: the age of majority ends it, whatever was asked."""
    assert end_of_representation(MINOR, None, MAJORITY, NOW) == (MAJORITY, True)
    assert end_of_representation(MINOR, MAJORITY + DAY, MAJORITY, NOW) == (MAJORITY, True)
    assert end_of_representation(MINOR, MAJORITY - DAY, MAJORITY, NOW) == (MAJORITY - DAY, False)


def test_the_kind_of_a_representation_fits_the_holders_age() -> None:
    assert broken("STATE_FORBIDS", lambda: end_of_representation(MINOR, None, NOW, NOW)) == "kind"
    assert broken("STATE_FORBIDS", lambda: end_of_representation(ADULT, None, NOW + DAY, NOW)) == "kind"
    assert end_of_representation(ADULT, None, NOW, NOW) == (None, False)


def test_a_caregivers_mandate_has_a_scope_and_an_end_within_a_year() -> None:
    """rules.md 13."""
    year = 366 * DAY
    assert broken("INVALID_FIELD", lambda: check_caregiving_span(None, None, NOW, year)) == "end_time"
    assert broken("INVALID_FIELD", lambda: check_caregiving_span(None, NOW + 367 * DAY, NOW, year)) == "end_time"
    assert broken("INVALID_FIELD", lambda: check_caregiving_span(NOW - 300 * DAY, NOW + 367 * DAY, NOW, year)) == "end_time"
    assert broken("INVALID_FIELD", lambda: check_caregiving_span(NOW + 400 * DAY, NOW + 410 * DAY, NOW, year)) == "begin_time"
    check_caregiving_span(NOW + 10 * DAY, NOW + 376 * DAY, NOW, year)
    assert check_classes(CARE, ["31", "10", "31"]) == ("10", "31")
    for wrong in ([], ["1"], ["A1"], ["100"], [f"{number}" for number in range(10, 40)]):
        assert broken("INVALID_FIELD", lambda wrong=wrong: check_classes(CARE, wrong)) == "classes"
    assert broken("INVALID_FIELD", lambda: check_classes(MINOR, ["10"])) == "classes"


def test_texts_and_spans_are_bounded() -> None:
    assert check_text(" a paper ", "evidence") == "a paper"
    for wrong in ("", "  ", "x" * 501):
        assert broken("INVALID_FIELD", lambda wrong=wrong: check_text(wrong, "evidence")) == "evidence"
    for begin, end in ((NOW, NOW), (NOW + DAY, NOW + DAY), (NOW - 2 * DAY, NOW - DAY)):
        assert broken("INVALID_FIELD", lambda begin=begin, end=end: check_span(begin, end, NOW)) == "end_time"


def test_a_holder_has_room_for_so_many_open_mandates() -> None:
    check_room([mandate(id=str(number)) for number in range(MOST_OPEN - 1)])
    check_room([mandate(id=str(number), state=MandateState.ENDED) for number in range(MOST_OPEN)])
    assert broken("STATE_FORBIDS", lambda: check_room([mandate(id=str(number)) for number in range(MOST_OPEN)])) == "holder"


def test_an_invitation_is_accepted_once_and_in_time() -> None:
    held = accepted(mandate(), [], MAJORITY, NOW + DAY)
    assert (held.state, held.begin, held.attest_time, held.end) == (MandateState.ACCEPTED, NOW + DAY, NOW + DAY, MAJORITY)
    for wrong in (held, closed(mandate(), MandateState.REFUSED, NOW), mandate(invitation_expires=None)):
        assert broken("STATE_FORBIDS", lambda wrong=wrong: accepted(wrong, [], MAJORITY, NOW + DAY)) == "mandate"
    assert broken("STATE_FORBIDS", lambda: accepted(mandate(), [], MAJORITY, NOW + 30 * DAY)) == "mandate"
    assert broken("STATE_FORBIDS", lambda: accepted(mandate(end=NOW + DAY, ends_at_majority=False), [], MAJORITY, NOW + DAY)) == "mandate"


def test_a_birth_date_corrected_meanwhile_ends_the_mandate_where_it_should() -> None:
    earlier = accepted(mandate(), [], MAJORITY - 100 * DAY, NOW + DAY)
    assert (earlier.end, earlier.ends_at_majority) == (MAJORITY - 100 * DAY, True)
    assert broken("STATE_FORBIDS", lambda: accepted(mandate(), [], NOW, NOW + DAY)) == "mandate"


def test_a_suspended_representation_comes_back_by_evidence_alone() -> None:
    suspended = closed(in_force(id="before"), MandateState.SUSPENDED, NOW - DAY)
    assert broken("STATE_FORBIDS", lambda: accepted(mandate(), [suspended], MAJORITY, NOW)) == "mandate"
    accepted(mandate(), [replace(suspended, mandatary="patients/other")], MAJORITY, NOW)
    accepted(mandate(), [replace(suspended, state=MandateState.ENDED)], MAJORITY, NOW)


def test_a_suspended_caregiver_comes_back_by_an_invitation_made_afterwards() -> None:
    care = mandate(kind=CARE, classes=("10",), end=NOW + 20 * DAY, ends_at_majority=False)
    suspended = closed(replace(care, id="before", state=MandateState.ACCEPTED), MandateState.SUSPENDED, NOW)
    assert broken("STATE_FORBIDS", lambda: accepted(replace(care, made_time=NOW - DAY), [suspended], MAJORITY, NOW)) == "mandate"
    accepted(replace(care, made_time=NOW + DAY), [suspended], MAJORITY, NOW + DAY)


def test_a_mandate_is_in_force_from_its_beginning_to_just_before_its_end() -> None:
    held = in_force(end=NOW + DAY)
    assert [held.is_in_force(NOW + moment) for moment in (-DAY, 0 * DAY, DAY - timedelta.resolution, DAY)] == [False, True, True, False]
    assert not any(mandate(state=state, begin=NOW).is_in_force(NOW) for state in MandateState if state is not MandateState.ACCEPTED)


def test_both_are_told_thirty_and_seven_days_before_and_then_it_ends() -> None:
    """Notices before majority, each once; then the end."""
    held, told = in_force(), []
    moment = NOW
    while (due := next_due(held, NOTICES)) is not None:
        assert step_of_time(held, NOTICES, due - timedelta.resolution) is None
        moment = due
        step = step_of_time(held, NOTICES, moment)
        assert step is not None
        held = step.mandate
        told.append((step.passed, step.cause, (MAJORITY - moment).days))
    soon = TimePassed.ENDS_SOON
    assert told == [(soon, "MAJORITY", 30), (soon, "MAJORITY", 7), (TimePassed.ENDED, "MAJORITY", 0)]
    assert (held.state, held.closed_time) == (MandateState.ENDED, MAJORITY)


def test_an_invitation_nobody_answers_expires() -> None:
    step = step_of_time(mandate(), NOTICES, NOW + 30 * DAY)
    assert step is not None
    assert (step.passed, step.mandate.state) == (TimePassed.EXPIRED, MandateState.EXPIRED)
    assert step_of_time(mandate(), NOTICES, NOW + 29 * DAY) is None


@given(
    st.sampled_from(list(MandateState)),
    st.integers(-1000, 1000),
    st.integers(1, 60),
    st.lists(st.sampled_from([1, 7, 30, 90]), unique=True).map(tuple),
    st.integers(-1200, 1200),
)
def test_every_step_of_time_is_made_once(state: MandateState, end: int, invited: int, notices: tuple[int, ...], now: int) -> None:
    """What is made is not made again: a second look at the same instant, by whichever process, finds nothing."""
    held = mandate(state=state, begin=NOW, end=NOW + end * DAY, invitation_expires=NOW + invited * DAY)
    moment, steps = NOW + now * DAY, 0
    while (step := step_of_time(held, notices, moment)) is not None:
        held, steps = step.mandate, steps + 1
    assert steps <= 2
    assert step_of_time(held, notices, moment) is None
    assert not (held.state is MandateState.ACCEPTED and held.end is not None and held.end <= moment)


def test_no_repr_tells_who_acts_for_whom() -> None:
    assert "patients/" not in repr(in_force())
