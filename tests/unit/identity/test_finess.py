"""FINESS numbers, with those verified in domain.md 1.2."""

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.finess import parse_finess


@pytest.mark.parametrize("finess", ["750100125", "670780055", "930100045"])
def test_the_verified_numbers_pass(finess: str) -> None:
    assert parse_finess(finess) == finess


def test_blanks_are_ignored_and_case_is_folded() -> None:
    assert parse_finess("75 010 0125") == "750100125"
    assert parse_finess("2a0000016").startswith("2A")


@pytest.mark.parametrize("number", ["2A0000016", "2A0000018", "2B0000010", "2B0000016"])
def test_a_corsican_number_passes_when_one_reading_of_its_letter_has_the_key(number: str) -> None:
    keys = [key for key in range(10) if _passes(number[:8] + str(key))]
    assert number in [number[:8] + str(key) for key in keys]
    assert 1 <= len(keys) <= 2


def _passes(number: str) -> bool:
    try:
        parse_finess(number)
    except BrokenRule:
        return False
    return True


@pytest.mark.parametrize("value", ["", "75010012", "7501001250", "750100126", "2C0000014", "A50100125", "75010012x", "٧٥٠١٠٠١٢٥"])
def test_what_is_no_finess_is_refused_by_reason_and_without_its_value(value: str) -> None:
    with pytest.raises(BrokenRule) as refused:
        parse_finess(value)
    assert refused.value.reason == "FINESS_INVALID"
    assert not value or value not in str(refused.value)
