"""The Luhn key by itself."""

import pytest
from carnet_identity.domain.luhn import has_luhn_key


@pytest.mark.parametrize("digits", ["0", "18", "79927398713", "99700366240", "750100125"])
def test_a_number_with_its_key_passes(digits: str) -> None:
    assert has_luhn_key(digits)


@pytest.mark.parametrize("key", [key for key in range(10) if key != 3])
def test_every_other_key_fails(key: int) -> None:
    assert not has_luhn_key(f"7992739871{key}")


@pytest.mark.parametrize("place", range(11))
def test_every_single_wrong_digit_is_noticed(place: int) -> None:
    right = "99700366240"
    for digit in set("0123456789") - {right[place]}:
        assert not has_luhn_key(right[:place] + digit + right[place + 1 :])


@pytest.mark.parametrize("text", ["", " ", "1a", "-18", "1 8", "١٨", "¹8"])
def test_what_is_not_ascii_digits_has_no_key(text: str) -> None:
    assert not has_luhn_key(text)
