"""RPPS numbers and their IDNPS form, with the test cards of domain.md 1.2."""

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.rpps import parse_rpps, rpps_of_idnps

GOOD = ["99700366240", "99700218896", "99700427885", "99700024450", "10100997245"]


@pytest.mark.parametrize("rpps", GOOD)
def test_the_test_cards_pass(rpps: str) -> None:
    assert parse_rpps(rpps) == rpps


def test_blanks_are_ignored() -> None:
    assert parse_rpps(" 997 0036 6240 ") == "99700366240"


@pytest.mark.parametrize(
    "value", ["", "9970036624", "997003662400", "9970036624x", "٩٩٧٠٠٣٦٦٢٤٠", "99700366241", "01101201301", "01234534765", "01234536598"]
)
def test_another_length_letters_or_a_wrong_key_is_refused_by_reason(value: str) -> None:
    with pytest.raises(BrokenRule) as refused:
        parse_rpps(value, field="professional.rpps")
    assert (refused.value.reason, refused.value.field) == ("RPPS_INVALID", "professional.rpps")
    assert not value or value not in str(refused.value)


@pytest.mark.parametrize("rpps", GOOD)
def test_an_idnps_is_eight_and_the_rpps(rpps: str) -> None:
    assert rpps_of_idnps(f"8{rpps}") == rpps


@pytest.mark.parametrize(
    "idnps", ["", "8", "099700366240", "99700366240", "3750100125/1453", "8997003662401", "899700366241", "899700366 240"]
)
def test_another_kind_of_national_identifier_is_refused(idnps: str) -> None:
    with pytest.raises(BrokenRule) as refused:
        rpps_of_idnps(idnps)
    assert refused.value.reason == "RPPS_INVALID"
