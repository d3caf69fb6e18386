"""What may be stopped."""

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.stop import parse_target
from carnet_identity.domain.token_names import names_of
from hypothesis import given
from hypothesis import strategies as st

THUMBPRINT = "A" * 43


@pytest.mark.parametrize(
    "target",
    [
        "sessions/a",
        "professionals/a",
        "patients/a",
        "structures/a",
        "activities/a/b",
        f"certificates/{THUMBPRINT}",
        "callers/portal",
        "callers/software/gp",
    ],
)
def test_whatever_a_token_names_can_be_stopped(target: str) -> None:
    assert "/".join(parse_target(target)) == target


def test_every_name_of_a_token_but_the_mandates_is_a_target() -> None:
    """Mandates have a suspension of their own."""
    for name in names_of(
        session="sessions/s",
        subject="professionals/d",
        organisation="structures/h",
        mandate="",
        certificates=(THUMBPRINT,),
        callers=("spiffe://carnet/software/gp",),
    ):
        parse_target(name)


@given(st.text(max_size=80).filter(lambda text: "/" not in text))
def test_anything_else_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(BrokenRule) as raised:
        parse_target(text)
    assert raised.value.field == "target"
    assert len(text) < 5 or text not in raised.value.rule


@pytest.mark.parametrize(
    "target", ["professionals/a\n", "professionals/", "activities/a", "certificates/a", "stops", "operators/a", "*", "callers/a/b/c"]
)
def test_what_is_no_name_of_a_token_is_refused(target: str) -> None:
    with pytest.raises(BrokenRule):
        parse_target(target)
