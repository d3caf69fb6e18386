"""Whom an identity provider may assert as an operator."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_identity.domain.assertion import AssertionRules
from carnet_identity.domain.assurance import Assurance
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.operator_claims import ROLES, AssertedOperator, OperatorRules, read_operator
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STAFF, PEOPLE = "https://staff.example", "https://people.example"
WORDS = {"runs": "OPERATOR", "guards": "DATA_PROTECTION_OFFICER"}
RULES = OperatorRules(
    assertions=AssertionRules(
        audience="carnet",
        assurance=Assurance(ranks={"low": 0, "high": 1}, floor="high"),
        professional_issuers=frozenset({PEOPLE}),
        patient_issuers=frozenset({PEOPLE}),
        operator_issuers=frozenset({STAFF}),
        tolerance=timedelta(seconds=60),
        longest_age=timedelta(minutes=10),
        is_production=True,
    ),
    claim="roles",
    roles=WORDS,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(sorted(WORDS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


def _read(nonce: str = "", **changes: Any) -> AssertedOperator:  # noqa: ANN401 - claims are JSON
    seconds = int(NOW.timestamp())
    good = {"iss": STAFF, "aud": "carnet", "sub": "anne", "iat": seconds, "exp": seconds + 300, "acr": "high", "roles": ["runs", "eats"]}
    return read_operator({**good, **changes}, "00", RULES, now=NOW, nonce=nonce)


def test_one_role_of_ours_among_others_is_the_role() -> None:
    assert (_read().role, _read().subject, _read().frame.issuer) == ("OPERATOR", "anne", STAFF)
    assert _read(roles="guards").role == "DATA_PROTECTION_OFFICER"
    assert _read(roles=["runs", "runs"]).role == "OPERATOR"


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": ["runs", "guards"]},
        {"roles": []},
        {"iss": PEOPLE},
        {"acr": "low"},
        {"nonce": "another login's"},
        {"act": {"sub": "somebody"}},
        {"sub": "line\nbreak"},
        {"exp": 0},
    ],
    ids=repr,
)
def test_nobody_else_is_an_operator(changes: dict[str, Any]) -> None:
    with pytest.raises(BrokenRule) as raised:
        _read(**changes)
    assert (raised.value.field, raised.value.reason) == ("assertion", "ASSERTION_INVALID")


@given(roles=JSON, subject=JSON)
def test_whatever_is_stated_ends_in_one_role_or_a_refusal(roles: object, subject: object) -> None:
    try:
        asserted = _read(roles=roles, sub=subject)
    except BrokenRule:
        return
    assert asserted.role in ROLES
    assert asserted.subject == subject
