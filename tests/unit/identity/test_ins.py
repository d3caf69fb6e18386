"""The matricule INS, with the numbers computed in domain.md 1.1."""

import pytest
from carnet_identity.domain import ins
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.ins import Ins, has_key, key_of, normalise, parse_ins
from hypothesis import given
from hypothesis import strategies as st

GOOD = ["279035121518989", "277076322082910", "155067200010159", "168017218137243"]
BAD_KEY = ["222127505611201", "223042545611404", "224027511583555", "221042545611404"]


def _refusal(value: str, authority: str = ins.NIR_TEST, *, is_production: bool = False) -> BrokenRule:
    with pytest.raises(BrokenRule) as refused:
        parse_ins(value, authority, is_production=is_production)
    assert not value or value not in str(refused.value)
    return refused.value


@pytest.mark.parametrize("number", GOOD)
def test_the_numbers_that_were_checked_pass(number: str) -> None:
    assert parse_ins(number, ins.NIR_TEST, is_production=False) == Ins(number, ins.NIR_TEST)


@pytest.mark.parametrize("number", [*BAD_KEY, "123456789012345"])
def test_the_samples_that_fail_their_key_or_form_are_refused(number: str) -> None:
    refused = _refusal(number)
    assert (refused.reason, refused.field) == ("INS_INVALID", "ins.value")


@pytest.mark.parametrize("number", GOOD)
def test_every_other_key_is_refused(number: str) -> None:
    for key in range(100):
        if f"{key:02d}" != number[13:]:
            assert not has_key(f"{number[:13]}{key:02d}")


@pytest.mark.parametrize("number", GOOD)
def test_every_single_wrong_digit_is_refused(number: str) -> None:
    for place in range(15):
        for digit in set("0123456789") - {number[place]}:
            assert not has_key(number[:place] + digit + number[place + 1 :])


def test_corsica_counts_as_19_and_18() -> None:
    assert key_of("180012A001001") == key_of("1800119001001")
    assert key_of("180012B001001") == key_of("1800118001001")
    for department in ("2A", "2B"):
        number = f"18001{department}001001"
        assert parse_ins(number.lower() + key_of(number), ins.NIR_TEST, is_production=False).value == number + key_of(number)


def test_the_key_of_a_multiple_of_97_is_97() -> None:
    thirteen = next(str(n) for n in range(1800175001000, 1800175001000 + 97) if n % 97 == 0)
    assert key_of(thirteen) == "97"
    assert has_key(thirteen + "97")
    assert not has_key(thirteen + "00")


def test_blanks_of_every_kind_are_ignored_and_case_is_folded() -> None:
    assert normalise(" 2 79 03 51 215\u00a0189\u202f89\n") == "279035121518989"
    assert normalise("180012a001001") == "180012A001001"


def test_an_absurdly_long_number_matches_nothing() -> None:
    assert not has_key(normalise("279035121518989" * 10_000))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "27903512151898",
        "2790351215189899",
        "279035121518989x",
        "٢٧٩٠٣٥١٢١٥١٨٩٨٩",
        "579035121518989",
        "279135121518989",
        "27903 2C 1518989",
    ],
)
def test_another_form_is_refused(value: str) -> None:
    assert _refusal(value).reason == "INS_INVALID"


@pytest.mark.parametrize("sex", "123478")
def test_every_first_digit_of_a_nir_or_nia_is_taken(sex: str) -> None:
    thirteen = f"{sex}790351215189"
    assert has_key(thirteen + key_of(thirteen))


@pytest.mark.parametrize(
    ("month", "is_taken"),
    [("00", False), ("01", True), ("12", True), ("13", False), ("19", False), ("20", True), ("42", True), ("99", True)],
)
def test_months_may_be_unknown_but_not_impossible(month: str, *, is_taken: bool) -> None:
    thirteen = f"279{month[0]}{month[1]}51215189"[:13]
    assert has_key(thirteen + key_of(thirteen)) is is_taken


@pytest.mark.parametrize(
    ("authority", "is_production"), [(ins.NIR, True), (ins.NIA, True), (ins.NIR_TEST, False), (ins.NIR_DEMONSTRATION, False)]
)
def test_each_environment_takes_its_own_authorities(authority: str, *, is_production: bool) -> None:
    assert parse_ins(GOOD[0], authority, is_production=is_production).authority == authority
    refused = _refusal(GOOD[0], authority, is_production=not is_production)
    assert (refused.reason, refused.field) == ("INS_WRONG_ENVIRONMENT", "ins.authority")


@pytest.mark.parametrize("authority", ["1.2.250.1.213.1.4.1", "1.2.250.1.213.1.4.2", "", "1.2.3", "1.2.250.1.213.1.4.80"])
@pytest.mark.parametrize("is_production", [True, False])
def test_the_old_ins_and_unknown_authorities_are_refused(authority: str, *, is_production: bool) -> None:
    refused = _refusal(GOOD[0], authority, is_production=is_production)
    assert (refused.reason, refused.field) == ("INS_INVALID", "ins.authority")


_DEPARTMENTS = st.one_of(st.sampled_from(["2A", "2B"]), st.integers(1, 99).map(lambda number: f"{number:02d}"))
_MONTHS = st.one_of(st.integers(1, 12), st.just(20), st.integers(30, 42), st.integers(50, 99)).map(lambda number: f"{number:02d}")
_NUMBERS = st.builds(
    lambda sex, year, month, department, rest: f"{sex}{year:02d}{month}{department}{rest:06d}",
    *[st.sampled_from("123478"), st.integers(0, 99), _MONTHS, _DEPARTMENTS, st.integers(0, 999_999)],
)


@given(thirteen=_NUMBERS, blanks=st.lists(st.integers(0, 15), max_size=4), is_lower=st.booleans())
def test_every_number_that_is_given_out_passes_with_its_key_alone(thirteen: str, blanks: list[int], *, is_lower: bool) -> None:
    """domain.md 1.1: 1 and 2, 3 and 4 for an NIA, 7 and 8; unknown months 20, 30-42, 50-99; Corsica; any department."""
    key = key_of(thirteen)
    assert 1 <= int(key) <= 97
    written = thirteen + key
    for place in blanks:
        written = f"{written[:place]} {written[place:]}"
    read = parse_ins(written.lower() if is_lower else written, ins.NIR_TEST, is_production=False)
    assert read.value == thirteen + key
    wrong = f"{int(key) % 97 + 1:02d}"
    assert not has_key(thirteen + wrong)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_number(text: str) -> None:
    number = normalise(text)
    assert has_key(number) <= ins.has_form(number)


def test_a_repr_hides_the_number() -> None:
    assert GOOD[0] not in repr(Ins(GOOD[0], ins.NIR_TEST))
