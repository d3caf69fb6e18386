"""The comparison before a first access (DEVBOX EX_GEN-1230, domain.md 1.1)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.first_access import KEPT, FirstAccess, compare_for_access, is_open, settled
from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import NIR_TEST, Ins
from carnet_identity.domain.patient import FormerIns, Patient
from carnet_identity.domain.traits import Sex, Traits
from hypothesis import given
from hypothesis import strategies as st
from support.dominique import INS, TRAITS

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
FORMER = Ins("279035121518893", NIR_TEST)
HELD = replace(TRAITS, used_family_name="DUPONT")
PERSON = Patient(
    id="a" * 26,
    ins=INS,
    traits=HELD,
    status=IdentityStatus.QUALIFIED,
    former=(FormerIns(ins=FORMER, begin_time=None, end_time=NOW),),
)
COMPARISON = FirstAccess(
    id="c" * 26,
    professional="professionals/alice",
    patient=PERSON.name,
    differences=("birth_date",),
    expire_time=NOW + KEPT,
)


def _compare(ins: Ins = PERSON.ins, **changes: Any) -> list[tuple[str, bool]]:  # noqa: ANN401 - fields of the traits
    found = compare_for_access(replace(HELD, **changes), ins, PERSON)
    return [(one.trait, one.must_be_settled) for one in found]


def test_alike_traits_differ_in_nothing() -> None:
    assert _compare() == []
    assert _compare(birth_family_name="Pat trois", first_given_name="dominique", given_names="") == []
    assert _compare(birth_place="", used_family_name="", used_given_name="", sex=None) == []


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        *[("birth_family_name", "PAT"), ("birth_family_name", ""), ("first_given_name", "MARIE"), ("first_given_name", "")],
        *[("birth_date", "19790329"), ("birth_date", "19790300"), ("birth_date", ""), ("sex", Sex.MALE)],
    ],
)
def test_name_first_name_birth_date_and_sex_are_for_a_person_to_decide(trait: str, value: Any) -> None:  # noqa: ANN401 - as above
    """EX_GEN-1230: at least those three; what was not compared is not alike."""
    assert _compare(**{trait: value}) == [(trait, True)]


@pytest.mark.parametrize(
    ("trait", "value"),
    [("given_names", "DOMINIQUE"), ("birth_place", "75056"), ("used_family_name", "DURAND"), ("used_given_name", "DOM")],
)
def test_what_else_differs_is_told_and_asks_nothing(trait: str, value: Any) -> None:  # noqa: ANN401 - as above
    assert _compare(**{trait: value}) == [(trait, False)]


def test_a_former_ins_finds_her_and_is_told() -> None:
    assert _compare(FORMER) == [("ins", False)]


def test_an_unknown_sex_is_no_difference() -> None:
    assert _compare(sex=Sex.UNKNOWN) == []


@given(st.builds(Traits, birth_family_name=st.text(), first_given_name=st.text(), birth_date=st.text(), sex=st.sampled_from([None, *Sex])))
def test_whatever_is_sent_is_compared_and_nothing_of_it_comes_back(traits: Traits) -> None:
    known = {"birth_family_name", "first_given_name", "given_names", "birth_date", "sex", "birth_place", "used_family_name"}
    assert {one.trait for one in compare_for_access(traits, PERSON.ins, PERSON)} <= known | {"used_given_name", "ins"}


@pytest.mark.parametrize("is_same_person", [True, False])
def test_a_comparison_is_settled_once(*, is_same_person: bool) -> None:
    done = settled(COMPARISON, is_same_person=is_same_person, now=NOW)
    assert (done.settle_time, done.is_same_person) == (NOW, is_same_person)
    with pytest.raises(BrokenRule) as refused:
        settled(done, is_same_person=is_same_person, now=NOW)
    assert (refused.value.reason, refused.value.field) == ("STATE_FORBIDS", "comparison")


def test_a_comparison_is_good_for_fifteen_minutes() -> None:
    last = COMPARISON.expire_time - timedelta(microseconds=1)
    assert settled(COMPARISON, is_same_person=True, now=last).settle_time == last
    with pytest.raises(BrokenRule, match="too old"):
        settled(COMPARISON, is_same_person=True, now=COMPARISON.expire_time)


def test_a_record_waits_until_it_is_settled_as_the_same_person_or_over() -> None:
    assert is_open(COMPARISON, NOW)
    assert is_open(settled(COMPARISON, is_same_person=False, now=NOW), NOW)
    assert not is_open(settled(COMPARISON, is_same_person=True, now=NOW), NOW)
    assert not is_open(COMPARISON, COMPARISON.expire_time)
