"""The opening budget: what counts against it, whose it is, when it is never refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from carnet_consent.domain.budget import Budget, counts_when_looked_up, counts_when_stated, is_never_refused, spent
from carnet_consent.domain.consent import StatementKind
from carnet_consent.domain.stating import Wish
from unit.consent.builders import CLINIC, DOCTOR, HOLDER_ASKS, HOSPITAL, asker, record, statement

BUDGET = Budget(professional=3, structure=9)


@pytest.mark.parametrize("kind", ["SINGLE_CONSULTATION", "STANDING", "CARE_RELATION", "BLOCK"])
@pytest.mark.parametrize("grantee", [DOCTOR.subject, HOSPITAL])
def test_a_record_that_states_or_stated_something_about_him_is_not_counted(kind: str, grantee: str) -> None:
    for has_ended in (False, True):
        assert not counts_when_looked_up(DOCTOR, record(statement(kind, grantee, has_ended=has_ended)))


def test_a_record_that_knows_others_alone_counts_and_so_does_one_that_is_not_there() -> None:
    assert counts_when_looked_up(DOCTOR, record(statement("STANDING", "professionals/other"), statement("STANDING", CLINIC)))
    assert counts_when_looked_up(DOCTOR, None)


def test_the_person_and_a_structure_without_a_name_are_not_counted() -> None:
    assert not counts_when_looked_up(HOLDER_ASKS, record())
    assert not counts_when_looked_up(asker("hospital", "TREATMENT"), None)


def test_a_statement_counts_when_it_is_his_own_for_himself() -> None:
    own = Wish(DOCTOR.subject, StatementKind.STANDING)

    assert counts_when_stated(DOCTOR, record(), own)
    assert not counts_when_stated(DOCTOR, record(statement("STANDING", DOCTOR.subject, has_ended=True)), own)
    assert not counts_when_stated(HOLDER_ASKS, record(), own)
    assert not counts_when_stated(DOCTOR, record(), replace(own, kind=StatementKind.BLOCK))


def test_it_counts_for_him_and_for_the_structure_he_acts_for() -> None:
    assert list(BUDGET.of(DOCTOR)) == [(DOCTOR.subject, 3), (HOSPITAL, 9)]
    assert list(BUDGET.of(replace(DOCTOR, structure=""))) == [(DOCTOR.subject, 3)]


def test_an_emergency_is_never_refused() -> None:
    assert is_never_refused(replace(DOCTOR, purpose="BREAK_GLASS"))
    assert is_never_refused(replace(DOCTOR, purpose="EMERGENCY_DISPATCH"))
    assert not is_never_refused(DOCTOR)


def test_the_refusal_says_when_the_next_day_begins() -> None:
    refused = spent(datetime(2026, 11, 21, 22, 30, tzinfo=UTC))

    assert (refused.reason, refused.retry_after) == ("OPENING_BUDGET_SPENT", timedelta(minutes=90))
