"""What traits may be registered."""

from dataclasses import replace
from datetime import date

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.traits import STRICT, Sex, check_death_date, parse_commune, parse_traits, strict_difference
from hypothesis import given
from hypothesis import strategies as st
from support.dominique import TRAITS

TODAY = date(2026, 3, 1)


def _field_refused(**changes: object) -> str:
    with pytest.raises(BrokenRule) as refused:
        parse_traits(replace(TRAITS, **changes), today=TODAY)  # type: ignore[arg-type]
    assert refused.value.reason == "INVALID_FIELD"
    return refused.value.field


def test_good_traits_come_back_as_they_were() -> None:
    assert parse_traits(TRAITS, today=TODAY) == TRAITS


@pytest.mark.parametrize("name", ["A", "D'ARTAGNAN", "DE LA TOUR", "X-Y--Z", "O'", "'T HOOFT", "A" * 100])
def test_names_of_letters_blank_hyphen_and_apostrophe_are_taken(name: str) -> None:
    assert parse_traits(replace(TRAITS, birth_family_name=name), today=TODAY).birth_family_name == name


@pytest.mark.parametrize(
    "name", ["", " ", "-", "'", "é", "Martin", "ÉMILE", "A1", " A", "A ", "A\n", "A.B", "A" * 101, "A\u2019B", "{$ne:1}", "\u0410"]
)
@pytest.mark.parametrize("field", ["birth_family_name", "first_given_name"])
def test_other_names_are_refused_by_field(field: str, name: str) -> None:
    assert _field_refused(**{field: name}) == f"traits.{field}"


@pytest.mark.parametrize("field", ["given_names", "used_family_name", "used_given_name"])
def test_optional_names_may_be_left_out_but_not_be_wrong(field: str) -> None:
    without = replace(TRAITS, **{field: ""})  # type: ignore[arg-type]
    assert parse_traits(without, today=TODAY) == without
    assert _field_refused(**{field: "lower"}) == f"traits.{field}"


@pytest.mark.parametrize("names", ["MARIE DOMINIQUE", "DOMINIQUEMARIE", "DOMI"])
def test_the_list_begins_with_the_first_given_name(names: str) -> None:
    assert _field_refused(given_names=names) == "traits.given_names"


@pytest.mark.parametrize(
    "value", ["19790328", "19790300", "19790000", "19790015", "20000229", "20240229", "20260301", "20260302", "18500101"]
)
def test_dates_known_in_part_and_of_today_are_taken(value: str) -> None:
    assert parse_traits(replace(TRAITS, birth_date=value), today=TODAY).birth_date == value


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
    assert parse_traits(replace(TRAITS, sex=Sex.UNKNOWN), today=TODAY).sex is Sex.UNKNOWN


@pytest.mark.parametrize("place", ["", "75056", "2A004", "2B033", "97101", "99109"])
def test_insee_codes_are_taken(place: str) -> None:
    assert parse_traits(replace(TRAITS, birth_place=place), today=TODAY).birth_place == place


@pytest.mark.parametrize("place", ["7505", "750561", "2C004", "2a004", "PARIS"])
def test_what_is_no_insee_code_is_refused(place: str) -> None:
    assert _field_refused(birth_place=place) == "traits.birth_place"


@pytest.mark.parametrize("commune", ["", "33063", "2A004", "2B033", "97101"])
def test_a_commune_of_residence_is_an_insee_code_or_unknown(commune: str) -> None:
    """TD1.3."""
    assert parse_commune(commune) == commune


@pytest.mark.parametrize("commune", ["3306", "33 063", "BORDEAUX", "2C004", "33063\n"])
def test_another_commune_is_refused(commune: str) -> None:
    with pytest.raises(BrokenRule) as refused:
        parse_commune(commune)
    assert refused.value.field == "residence_commune"


def test_the_names_in_use_are_no_strict_traits() -> None:
    """domain.md 1.1: five strict traits and the first given name."""
    assert len(STRICT) == 6
    assert strict_difference(TRAITS, replace(TRAITS, used_family_name="X", used_given_name="Y")) == ()
    assert strict_difference(TRAITS, replace(TRAITS, birth_date="19790300", sex=Sex.UNKNOWN)) == ("birth_date", "sex")


_PARTS = st.tuples(st.integers(1849, 2027), st.integers(0, 13), st.integers(0, 32))


@given(_PARTS)
def test_a_birth_date_is_taken_exactly_when_it_exists_as_far_as_it_is_known(parts: tuple[int, int, int]) -> None:
    """domain.md 1.1: unknown days and months are written 00."""
    year, month, day = parts
    try:
        earliest = date(year, month or 1, day or 1) if month or not day else date(year, 1, day)
        is_good = year >= 1850 and earliest <= date(2026, 3, 2)
    except ValueError:
        is_good = False
    traits = replace(TRAITS, birth_date=f"{year:04d}{month:02d}{day:02d}")
    if is_good:
        assert parse_traits(traits, today=TODAY) is traits
    else:
        with pytest.raises(BrokenRule):
            parse_traits(traits, today=TODAY)


@given(_PARTS, _PARTS)
def test_nobody_dies_before_the_birth_as_far_as_both_are_known(born: tuple[int, int, int], died: tuple[int, int, int]) -> None:
    """rules.md 17."""
    birth, death = (f"{one[0]:04d}{one[1]:02d}{one[2]:02d}" for one in (born, died))
    try:
        check_death_date(death, birth, today=TODAY, field="death_date")
    except BrokenRule:
        return
    if 0 not in (*born, *died):
        assert death >= birth
    assert died[0] >= born[0]


def test_a_repr_hides_the_traits() -> None:
    assert "PAT-TROIS" not in repr(TRAITS)
