"""What is stated: its end, what gives way to it, and how much a record holds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from carnet_consent.domain.consent import Consent, StatementKind
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Durations, Wish, state, take_back
from unit.consent.builders import DOCTOR, HOLDER_ASKS, HOSPITAL, NOW, record, statement

LASTS = Durations()


def stated(consent: Consent, wish: Wish) -> Consent:
    return state(consent, HOLDER_ASKS, wish, NOW, LASTS, statement_id="new")[0]


@pytest.mark.parametrize(
    ("kind", "lasts"),
    [
        (StatementKind.SINGLE_CONSULTATION, timedelta(hours=24)),
        (StatementKind.STANDING, timedelta(days=365)),
        (StatementKind.CARE_RELATION, timedelta(days=365)),
        (StatementKind.BLOCK, None),
    ],
)
def test_what_is_stated_without_an_end_lasts_as_the_rules_say(kind: StatementKind, lasts: timedelta | None) -> None:
    """rules.md 3."""
    _, made = state(record(), HOLDER_ASKS, Wish(DOCTOR.subject, kind), NOW, LASTS, statement_id="new")

    assert made.end == (None if lasts is None else NOW + lasts)
    assert made.stated_by == HOLDER_ASKS.subject


@pytest.mark.parametrize("end", [NOW, NOW - timedelta(days=1), NOW + timedelta(hours=25)])
def test_an_end_past_or_beyond_one_consultation_is_refused(end: object) -> None:
    with pytest.raises(RuleBrokenError) as broken:
        stated(record(), Wish(DOCTOR.subject, StatementKind.SINGLE_CONSULTATION, end))  # type: ignore[arg-type]  # of the table

    assert broken.value.field == "authorisation.end_time"


def test_a_structure_needs_an_end_but_for_a_block() -> None:
    with pytest.raises(RuleBrokenError):
        stated(record(), Wish(HOSPITAL, StatementKind.CARE_RELATION))

    assert stated(record(), Wish(HOSPITAL, StatementKind.BLOCK)).statements[0].end is None


def test_a_block_takes_the_authorisations_of_its_grantee_away_and_nobody_elses() -> None:
    others = statement("STANDING", "professionals/other", number=2)
    consent = record(statement("STANDING", DOCTOR.subject), statement("CARE_RELATION", DOCTOR.subject, number=1), others)

    blocked = stated(consent, Wish(DOCTOR.subject, StatementKind.BLOCK))
    unblocked, _ = take_back(blocked, HOLDER_ASKS, "new", NOW)

    assert [one.kind for one in blocked.statements] == [StatementKind.STANDING, StatementKind.BLOCK]
    assert unblocked.statements == (others,)


def test_a_new_statement_takes_the_place_of_the_earlier_of_its_kind() -> None:
    consent = record(statement("STANDING", DOCTOR.subject), statement("CARE_RELATION", DOCTOR.subject, number=1))

    assert [one.id for one in stated(consent, Wish(DOCTOR.subject, StatementKind.STANDING)).statements] == ["s1", "new"]


def test_a_full_record_forgets_what_has_ended_and_then_refuses() -> None:
    few = replace(LASTS, most_statements=2)
    full = record(statement("STANDING", "professionals/x"), statement("STANDING", "professionals/y", has_ended=True, number=1))
    wish = Wish(DOCTOR.subject, StatementKind.STANDING)

    once, _ = state(full, HOLDER_ASKS, wish, NOW, few, statement_id="new")

    assert [one.id for one in once.statements] == ["s0", "new"]
    with pytest.raises(RuleBrokenError):
        state(once, HOLDER_ASKS, replace(wish, grantee="professionals/z"), NOW, few, statement_id="more")
