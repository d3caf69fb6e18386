"""What an assertion must claim: nonce, audience by issuer, level of assurance, an id or the digest in its place."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_identity.domain.assertion import Asserted, AssertionRules, read_claims
from carnet_identity.domain.assurance import read_floors
from carnet_identity.domain.broken_rule import BrokenRule

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PSC, OTHER = "https://psc.example", "https://patients.example"
RULES = AssertionRules(
    audience="carnet",
    audiences={OTHER: "carnet-patients"},
    assurance=read_floors({"eidas1": 0, "eidas2": 1, "eidas3": 2}, "eidas2", {OTHER: "eidas3"}),
    professional_issuers=frozenset({PSC}),
    patient_issuers=frozenset({OTHER}),
    tolerance=timedelta(seconds=60),
    longest_age=timedelta(minutes=10),
    is_production=False,
)
WHO = {"ins": "279035121518989", "ins_authority": "1.2.250.1.213.1.4.10"}


def read(nonce: str = "", digest: str = "d" * 64, **changes: Any) -> Asserted:  # noqa: ANN401 - claims are JSON
    seconds = int(NOW.timestamp())
    good = {
        "iss": PSC,
        "aud": "carnet",
        "iat": seconds,
        "exp": seconds + 300,
        "jti": "one",
        "acr": "eidas2",
        "preferred_username": "899700366240",
    }
    stated = {name: value for name, value in {**good, **changes}.items() if value is not ...}
    return read_claims(stated, digest, RULES, now=NOW, nonce=nonce)


def test_an_issuer_may_know_us_by_another_name_and_must_reach_its_own_floor() -> None:
    patient: dict[str, Any] = {"iss": OTHER, "preferred_username": ..., "aud": "carnet-patients", "acr": "eidas3", **WHO}
    assert read(**patient).ins is not None
    for wrong in ({"aud": "carnet"}, {"acr": "eidas2"}):
        with pytest.raises(BrokenRule):
            read(**{**patient, **wrong})


def test_an_assertion_without_a_jti_is_known_by_what_was_signed() -> None:
    assert read(jti=..., digest="a" * 64).id == "sha-256:" + "a" * 64
    assert read(jti=..., digest="b" * 64).id != read(jti=..., digest="a" * 64).id
    assert read(digest="a" * 64).id == "one"


def test_the_nonce_sent_is_the_assertions_when_either_is_there() -> None:
    assert read_with_nonce("n", "n").id == "one"
    for sent, claimed in (("n", ...), ("", "n"), ("n", "N"), ("n", 7), ("", ["n"]), ("", None)):
        with pytest.raises(BrokenRule) as refused:
            read_with_nonce(sent, claimed)
        assert refused.value.reason == "ASSERTION_INVALID"


def read_with_nonce(sent: str, claimed: Any) -> Asserted:  # noqa: ANN401 - claims are JSON
    seconds = int(NOW.timestamp())
    claims = {"iss": PSC, "aud": "carnet", "iat": seconds, "exp": seconds + 9, "jti": "one", "acr": "eidas2", "nonce": claimed}
    stated = {name: value for name, value in claims.items() if value is not ...}
    return read_claims({**stated, "preferred_username": "899700366240"}, "", RULES, now=NOW, nonce=sent)


@pytest.mark.parametrize("act", [{"sub": "someone"}, {}, None, "someone", []])
def test_nobody_logs_in_through_another(act: object) -> None:
    """A malformed actor is refused, never dropped; so is a well-formed one."""
    with pytest.raises(BrokenRule):
        read(act=act)


def test_what_a_malformed_claim_breaks_is_told_as_an_assertion_that_is_not_accepted() -> None:
    wrong: list[dict[str, Any]] = [{"otherIds": [{}]}, {"acr": "eidas1"}, {"amr": "x"}, {"SubjectRefPro": {}}, {"jti": "sha-256:\n"}]
    for changes in wrong:
        with pytest.raises(BrokenRule) as refused:
            read(**changes)
        assert (refused.value.reason, refused.value.field) == ("ASSERTION_INVALID", "assertion")
