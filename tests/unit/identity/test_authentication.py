"""How a user was authenticated, in codes."""

from typing import Any

import pytest
from carnet_identity.domain.authentication import NOT_STATED, Authentication, read_authentication
from carnet_identity.domain.broken_rule import BrokenRule


def test_what_the_provider_says_is_kept_in_codes() -> None:
    said = read_authentication({"amr": ["pwd", "otp"], "authMode": "CARD"}, "eidas2")
    assert said == Authentication(level="eidas2", methods=("pwd", "otp"), mode="CARD")
    assert said.codes == "acr=eidas2 amr=pwd,otp mode=CARD"


def test_nothing_said_is_nothing_told() -> None:
    assert NOT_STATED.codes == ""
    assert read_authentication({}, "eidas3").codes == "acr=eidas3"


@pytest.mark.parametrize(
    "claims",
    [
        {"amr": "pwd"},
        {"amr": [1]},
        {"amr": ["a b"]},
        {"amr": ["x"] * 9},
        {"amr": None},
        {"authMode": 7},
        {"authMode": "A" * 33},
        {"authMode": None},
    ],
    ids=repr,
)
def test_codes_of_another_form_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(BrokenRule):
        read_authentication(claims, "eidas2")
