"""What traits may be registered."""

from dataclasses import replace
from datetime import date

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.traits import Sex, Traits, parse_traits

TODAY = date(2026, 3, 1)
GOOD = Traits(
    birth_family_name="PAT-TROIS",
    first_given_name="DOMINIQUE",
    given_names="DOMINIQUE MARIE-LOUISE",
    birth_date="19790328",
    sex=Sex.FEMALE,
    birth_place="51215",
)


def _field_refused(**changes: object) -> str:
    with pytest.raises(BrokenRule) as refused:
        parse_traits(replace(GOOD, **changes), today=TODAY)  # type: ignore[arg-type]
    assert refused.value.reason == "INVALID_FIELD"
    return refused.value.field


def test_good_traits_come_back_as_they_were() -> None:
    assert parse_traits(GOOD, today=TODAY) == GOOD


@pytest.mark.parametrize("name", ["A", "D'ARTAGNAN", "DE LA TOUR", "X-Y--Z", "O'", "'T HOOFT", "A" * 100])
def test_names_of_letters_blank_hyphen_and_apostrophe_are_taken(name: str) -> None:
    assert parse_traits(replace(GOOD, birth_family_name=name), today=TODAY).birth_family_name == name


@pytest.mark.parametrize(
    "name", ["", " ", "-", "'", "é", "Martin", "ÉMILE", "A1", " A", "A ", "A\n", "A.B", "A" * 101, "A\u2019B", "{$ne:1}", "\u0410"]
)
@pytest.mark.parametrize("field", ["birth_family_name", "first_given_name"])
def test_other_names_are_refused_by_field(field: str, name: str) -> None:
    assert _field_refused(**{field: name}) == f"traits.{field}"


@pytest.mark.parametrize("field", ["given_names", "used_family_name", "used_given_name"])
def test_optional_names_may_be_left_out_but_not_be_wrong(field: str) -> None:
    without = replace(GOOD, **{field: ""})  # type: ignore[arg-type]
    assert parse_traits(without, today=TODAY) == without
    assert _field_refused(**{field: "lower"}) == f"traits.{field}"


@pytest.mark.parametrize("names", ["MARIE DOMINIQUE", "DOMINIQUEMARIE", "DOMI"])
def test_the_list_begins_with_the_first_given_name(names: str) -> None:
    assert _field_refused(given_names=names) == "traits.given_names"


@pytest.mark.parametrize(
    "value", ["19790328", "19790300", "19790000", "19790015", "20000229", "20240229", "20260301", "20260302", "18500101"]
)
def test_dates_known_in_part_and_of_today_are_taken(value: str) -> None:
    assert parse_traits(replace(GOOD, birth_date=value), today=TODAY).birth_date == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1979",
        "1979-03-28",
        "19791328",
        "19790332",
        "19790230",
        "20230229",
        "19000229",
        "00000000",
        "18491231",
        "20260303",
        "20270000",
        "١٩٧٩٠٣٢٨",
        "197903281",
    ],
)
def test_dates_that_do_not_exist_or_lie_ahead_are_refused(value: str) -> None:
    assert _field_refused(birth_date=value) == "traits.birth_date"


def test_sex_is_required_and_may_be_unknown() -> None:
    assert _field_refused(sex=None) == "traits.sex"
    assert parse_traits(replace(GOOD, sex=Sex.UNKNOWN), today=TODAY).sex is Sex.UNKNOWN


@pytest.mark.parametrize("place", ["", "75056", "2A004", "2B033", "97101", "99109"])
def test_insee_codes_are_taken(place: str) -> None:
    assert parse_traits(replace(GOOD, birth_place=place), today=TODAY).birth_place == place


@pytest.mark.parametrize("place", ["7505", "750561", "2C004", "2a004", "PARIS"])
def test_what_is_no_insee_code_is_refused(place: str) -> None:
    assert _field_refused(birth_place=place) == "traits.birth_place"


def test_a_repr_hides_the_traits() -> None:
    assert "PAT-TROIS" not in repr(GOOD)
