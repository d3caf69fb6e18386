"""What must be said to look for a person, how well somebody fits, and who is shown (rules.md 10)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.identity_status import IdentityAttribute
from carnet_identity.domain.patient import Death, Patient
from carnet_identity.domain.patient_search import MOST_SCORED, MOST_SHOWN, Candidate, Said, choose, parse_search, score_of
from carnet_identity.domain.traits import Sex
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dominique import DOMINIQUE
from support.written import TODAY

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
FOUND_FOR = timedelta(days=30)
WHOLE = Said(family_name="Pat-Trois", given_name="Dominique", birth_date="19790328")


def born(birth_date: str) -> Patient:
    return replace(DOMINIQUE, traits=replace(DOMINIQUE.traits, birth_date=birth_date))


def score(patient: Patient = DOMINIQUE, *, is_emergency: bool = True, **said: Any) -> int | None:  # noqa: ANN401 - fields of Said
    return score_of(parse_search(Said(**said), is_emergency=is_emergency, today=TODAY), patient)


def chosen(said: Said, *patients: Patient, is_emergency: bool = True) -> list[Candidate]:
    return choose(parse_search(said, is_emergency=is_emergency, today=TODAY), patients, now=NOW, deceased_found_for=FOUND_FOR)


def refused(*, is_emergency: bool = True, **said: Any) -> tuple[str, str]:  # noqa: ANN401 - fields of Said
    with pytest.raises(BrokenRule) as raised:
        parse_search(Said(**said), is_emergency=is_emergency, today=TODAY)
    return raised.value.reason, raised.value.field


@pytest.mark.parametrize("missing", ["family_name", "given_name", "birth_date"])
def test_for_treatment_names_and_the_whole_date_are_said(missing: str) -> None:
    """The contract of PatientSearchService; the national system's weak point was a name and a year of birth."""
    said: dict[str, Any] = {"family_name": "PAT-TROIS", "given_name": "DOMINIQUE", "birth_date": "19790328"}
    assert refused(is_emergency=False, **{**said, missing: ""}) == ("SEARCH_TOO_WIDE", missing)
    coarser: list[dict[str, Any]] = [
        {"birth_date": "19790300"},
        {"birth_date": "", "earliest_birth_date": "19790101", "latest_birth_date": "19791231"},
    ]
    for coarse in coarser:
        assert refused(is_emergency=False, **{**said, **coarse}) == ("SEARCH_TOO_WIDE", "birth_date")


@pytest.mark.parametrize("one", [{"family_name": "X"}, {"given_name": "X"}, {"birth_date": "19790328"}, {"commune": "51215"}, {}])
def test_in_an_emergency_one_term_is_too_little(one: dict[str, Any]) -> None:
    assert refused(**one, sex=Sex.FEMALE) == ("SEARCH_TOO_WIDE", ""), "a sex narrows, and is no term"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"family_name": "X" * 101}, "family_name"),
        ({"given_name": "- '"}, "given_name"),
        ({"commune": "Reims"}, "commune"),
        ({"birth_date": "19791328"}, "birth_date"),
        ({"birth_date": "28/03/79"}, "birth_date"),
        ({"earliest_birth_date": "19790101"}, "latest_birth_date"),
        ({"latest_birth_date": "19790101"}, "earliest_birth_date"),
        ({"birth_date": "19790328", "earliest_birth_date": "19790101", "latest_birth_date": "19791231"}, "birth_date"),
        ({"earliest_birth_date": "19800101", "latest_birth_date": "19791231"}, "latest_birth_date"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_field(said: dict[str, Any], field: str) -> None:
    assert refused(**{"family_name": "PAT", "given_name": "DO", **said}) == ("INVALID_FIELD", field)


def test_a_range_is_of_twenty_years_at_most() -> None:
    assert refused(family_name="X", earliest_birth_date="19600101", latest_birth_date="19800102") == (
        "SEARCH_TOO_WIDE",
        "latest_birth_date",
    )
    parse_search(Said(family_name="X", earliest_birth_date="19600101", latest_birth_date="19800101"), is_emergency=True, today=TODAY)


def test_whoever_fits_whole_scores_a_hundred_and_every_term_must_fit() -> None:
    for family in ("PAT TROIS", "pat-trois", "Essai"):
        assert score(family_name=family, given_name="DOMINIQUE", birth_date="19790328", commune="75056", is_emergency=False) == 100
    for wrong in ({"family_name": "AUTRE"}, {"given_name": "AUTRE"}, {"birth_date": "19790329"}, {"commune": "33063"}):
        said: dict[str, Any] = {"family_name": "PAT-TROIS", "given_name": "DOMINIQUE", "birth_date": "19790328", "commune": "75056"}
        assert score(**{**said, **wrong}) is None


def test_what_fits_less_well_scores_less() -> None:
    said: dict[str, Any] = {"family_name": "PAT-TROIS", "given_name": "DOMINIQUE", "birth_date": "19790328"}
    for lesser in ({"given_name": "Marie Louise"}, {"given_name": "LOUISE"}, {"family_name": "TROIS"}, {"commune": "51215"}):
        fit = score(**{**said, **lesser})
        assert fit is not None
        assert fit < 100
    assert (score(born("19790300"), **said) or 100) < 100
    assert (score(born("19790000"), **said) or 100) < 100
    assert score(born("19780000"), **said) is None


def test_a_word_of_a_double_name_is_for_emergencies() -> None:
    said: dict[str, Any] = {"given_name": "DOMINIQUE", "birth_date": "19790328"}
    assert score(family_name="TROIS", **said, is_emergency=False) is None
    assert score(family_name="TROIS", **said, is_emergency=True)


def test_a_sex_narrows_and_an_unknown_one_does_not() -> None:
    said: dict[str, Any] = {"family_name": "PAT-TROIS", "given_name": "DOMINIQUE"}
    unknown = replace(DOMINIQUE, traits=replace(DOMINIQUE.traits, sex=Sex.UNKNOWN))
    assert score(**said, sex=Sex.FEMALE) == score(**said) == score(**said, sex=Sex.UNKNOWN) == score(unknown, **said, sex=Sex.MALE)
    assert score(**said, sex=Sex.MALE) is None


def test_the_best_come_first_and_a_homonym_is_told() -> None:
    by_second_name = replace(
        DOMINIQUE, id="b" * 26, traits=replace(DOMINIQUE.traits, first_given_name="CLAUDE", given_names="CLAUDE DOMINIQUE")
    )
    namesake = replace(DOMINIQUE, id="c" * 26)
    marked = replace(by_second_name, id="d" * 26, attributes=frozenset({IdentityAttribute.HOMONYM}))
    shown = chosen(WHOLE, by_second_name, namesake, DOMINIQUE, marked)
    assert [one.patient.id[0] for one in shown] == ["a", "c", "b", "d"]
    assert [one.is_homonym_known for one in shown] == [True, True, True, True]
    assert [one.is_homonym_known for one in chosen(WHOLE, by_second_name, DOMINIQUE)] == [False, False]


def test_the_dead_come_last_and_are_found_as_long_as_late_results_are_taken() -> None:
    """rules.md 17: thirty days after the death was stated; whoever is long dead is found by INS alone."""

    def dead_since(time: datetime, letter: str) -> Patient:
        return replace(DOMINIQUE, id=letter * 26, death=Death(death_date="20261001", evidence="x", record_time=time))

    living = replace(DOMINIQUE, id="z" * 26, traits=replace(DOMINIQUE.traits, birth_date="19790300"))
    shown = chosen(WHOLE, dead_since(NOW - FOUND_FOR, "b"), living, dead_since(NOW - FOUND_FOR - timedelta(seconds=1), "c"))
    assert [one.patient.id[0] for one in shown] == ["z", "b"]
    assert not chosen(WHOLE, dead_since(NOW - timedelta(days=365), "c"), is_emergency=False)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, MOST_SCORED + 50))
def test_no_more_than_twenty_are_shown_and_no_more_than_two_hundred_scored(number: int) -> None:
    shown = chosen(WHOLE, *(replace(DOMINIQUE, id=f"{place:026}") for place in range(number)))
    assert len(shown) == min(number, MOST_SHOWN)
    assert all(int(one.patient.id) < MOST_SCORED for one in shown)


def test_a_repr_of_a_search_holds_none_of_its_terms() -> None:
    """S9: a repr reaches logs."""
    wanted = parse_search(WHOLE, is_emergency=True, today=TODAY)
    assert "DOMINIQUE" not in repr(wanted) + repr(WHOLE)
    assert "1979" not in repr(wanted) + repr(WHOLE)
