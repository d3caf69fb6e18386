"""The review of an emergency access: who concludes it, when, and in which words."""

from dataclasses import replace

import pytest
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.review import Review, ReviewState, check_may_review, check_outcome, conclude
from unit.consent.builders import DOCTOR, HOLDER_ASKS, HOUR, NOW

OFFICER = Asker("operators/dora", "DATA_PROTECTION_OFFICER", "", "OPERATIONS")
REVIEW = Review(
    "records/r/emergencyEpisodes/e", "records/r", DOCTOR.subject, DOCTOR.structure, NOW - 5 * HOUR, NOW - HOUR, NOW + HOUR, "OTHER", "coma"
)


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (DOCTOR, "ROLE_NOT_ALLOWED"),
        (HOLDER_ASKS, "ROLE_NOT_ALLOWED"),
        (replace(OFFICER, role="OPERATOR"), "ROLE_NOT_ALLOWED"),
        (replace(OFFICER, subject="professionals/dora"), "ROLE_NOT_ALLOWED"),
        (replace(OFFICER, purpose="TREATMENT"), "PURPOSE_NOT_ALLOWED"),
    ],
)
def test_nobody_reviews_but_a_data_protection_officer_at_work(who: Asker, reason: str) -> None:
    with pytest.raises(RuleBrokenError) as refused:
        check_may_review(who)

    assert refused.value.reason == reason
    check_may_review(OFFICER)


@pytest.mark.parametrize(
    ("outcome", "words", "field"),
    [
        (ReviewState.DUE, "He was on call.", "outcome"),
        (ReviewState.JUSTIFIED, " . ", "words"),
        (ReviewState.JUSTIFIED, "x" * 1001, "words"),
        (ReviewState.NOT_JUSTIFIED, "12345", "words"),
    ],
)
def test_an_outcome_is_one_of_two_and_has_a_reason_in_words(outcome: ReviewState, words: str, field: str) -> None:
    with pytest.raises(RuleBrokenError) as refused:
        check_outcome(outcome, words)

    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", field)


def test_a_review_is_concluded_once_and_not_before_the_emergency_has_ended() -> None:
    concluded = conclude(REVIEW, OFFICER, ReviewState.NOT_JUSTIFIED, " He knew her well. ", NOW)

    assert (concluded.state, concluded.words, concluded.reviewer) == (ReviewState.NOT_JUSTIFIED, "He knew her well.", OFFICER.subject)
    for review, now in ((concluded, NOW), (REVIEW, NOW - 2 * HOUR)):
        with pytest.raises(RuleBrokenError) as refused:
            conclude(review, OFFICER, ReviewState.JUSTIFIED, "On second thoughts", now)
        assert refused.value.reason == "STATE_FORBIDS"


def test_it_is_overdue_from_its_time_on_until_somebody_concludes_it() -> None:
    assert not REVIEW.is_overdue(NOW)
    assert REVIEW.is_overdue(REVIEW.due)
    assert not replace(REVIEW, state=ReviewState.JUSTIFIED).is_overdue(REVIEW.due)
