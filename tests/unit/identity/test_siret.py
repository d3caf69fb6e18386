"""SIREN and SIRET (domain.md 1.2)."""

import pytest
from carnet_dev.extracts import siret, with_key
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.siret import parse_siren, parse_siret
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(0, 999_999))
def test_a_number_with_its_key_is_taken_and_one_digit_off_is_not(number: int) -> None:
    good = siret(number)
    assert parse_siret(f"{good[:9]} {good[9:]}") == good
    assert parse_siren(good[:9]) == good[:9]
    for place in range(14):
        wrong = good[:place] + str((int(good[place]) + 1) % 10) + good[place + 1 :]
        with pytest.raises(BrokenRule):
            parse_siret(wrong)


@pytest.mark.parametrize("value", ["", "1", "9990000000001", "abcdefghijklmn", "٣٣٣٣٣٣٣٣٣٣٣٣٣٣"])
def test_what_is_no_number_is_refused_by_its_field(value: str) -> None:
    for parse in (parse_siren, parse_siret):
        with pytest.raises(BrokenRule) as broken:
            parse(value, field="Numéro SIRET site")
        assert broken.value.field == "Numéro SIRET site"
        assert value == "" or value not in str(broken.value)


def test_sites_of_la_poste_add_up_to_a_multiple_of_five() -> None:
    """OWN: the exception of domain.md 1.2."""
    assert parse_siret("35600000000048") == "35600000000048"
    assert parse_siret("35600000049837") == "35600000049837"
    with pytest.raises(BrokenRule, match="La Poste"):
        parse_siret("35600000049838")
    assert parse_siren(with_key("35600000")) == "356000000"
