"""Operators and data-protection officers log in by OpenID Connect, through their own program, for operations and nothing else."""

import base64
import json
from datetime import timedelta

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import session_service_pb2 as session_pb
from carnet.identity.v1 import session_service_pb2_grpc as session_grpc
from component.identity.neighbours import Neighbours
from component.identity.operators import CERTIFICATE, REASON, Operator, claims_of, log_in
from component.identity.provider import Provider
from component.identity.running import Refused, Running, refused
from support.waiting import wait_until

OPERATIONS = purposes.PURPOSE_OF_USE_OPERATIONS
OFFICER = "carnet-data-protection-officer"


def _claims(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def _refused(identity: Running, assertion: str, **request: str | int) -> Refused:
    given = {"structure": "", "purpose": OPERATIONS, "name": CERTIFICATE, **request}
    return refused(lambda: identity.exchange(assertion, **given))  # type: ignore[arg-type]  # of several types


@pytest.mark.parametrize(("word", "role"), [("carnet-operator", "OPERATOR"), (OFFICER, "DATA_PROTECTION_OFFICER")])
def test_an_operator_gets_a_token_for_operations_under_a_name_that_says_nothing(
    identity: Running, provider: Provider, neighbours: Neighbours, word: str, role: str
) -> None:
    """docs/architecture.md, section 3: operators named by OIDC."""
    first, again, other = (log_in(identity, provider, name, word) for name in ("anne", "anne", "boris"))

    claims = _claims(first.access_token)
    assert (claims["role"], claims["purpose"], claims["sub"]) == (role, "OPERATIONS", first.subject)
    assert "org" not in claims
    assert first.subject == again.subject != other.subject
    assert first.subject.startswith("operators/")
    assert "anne" not in first.subject
    wait_until(
        lambda: any(
            event.kind == "session.opened" and event.actor.subject == first.subject for event in tuple(neighbours.audit.events.values())
        )
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": []},
        {"roles": ["staff"]},
        {"roles": ["carnet-operator", OFFICER]},
        {"roles": {"carnet-operator": True}},
        {"roles": [["carnet-operator"]]},
        {"roles": None},
        {"sub": ""},
        {"sub": None},
        {"sub": "x" * 256},
        {"acr": "eidas1"},
        {"acr": None},
        {"aud": "other"},
        {"iss": "http://127.0.0.1:1"},
        {"exp": timedelta(minutes=-2)},
        {"nonce": "of another login"},
        {"act": {"sub": "somebody"}},
    ],
    ids=repr,
)
def test_an_assertion_that_is_not_an_operators_is_refused_alike(identity: Running, provider: Provider, changes: dict[str, object]) -> None:
    """S1: one uniform refusal."""
    claims = {**claims_of(provider, "anne"), **provider.claims(**changes)}
    claims = {name: value for name, value in claims.items() if changes.get(name, "") is not None and name != "preferred_username"}
    claims |= {"sub": "operator-anne"} if "sub" not in changes else {}
    answer = _refused(identity, provider.sign(claims))
    assert (answer.code, answer.reason, answer.field) == (grpc.StatusCode.UNAUTHENTICATED, "ASSERTION_INVALID", "assertion")


def test_an_operators_assertion_is_exchanged_once_by_operators_programs_and_for_operations(identity: Running, provider: Provider) -> None:
    assertion = provider.sign(claims_of(provider, "anne"))
    for name in ("software/gp", "portal", "system/insurer"):
        assert _refused(identity, assertion, name=name).reason == "ASSERTION_INVALID"
    for purpose in (purposes.PURPOSE_OF_USE_TREATMENT, purposes.PURPOSE_OF_USE_BREAK_GLASS, purposes.PURPOSE_OF_USE_PATIENT_REQUEST):
        assert _refused(identity, assertion, purpose=purpose).reason == "PURPOSE_NOT_ALLOWED"
    assert _refused(identity, assertion, structure="structures/a").reason == "INVALID_FIELD"

    identity.exchange(assertion, structure="", purpose=OPERATIONS, name=CERTIFICATE)
    assert _refused(identity, assertion).reason == "ASSERTION_INVALID"


def test_operators_programs_exchange_nobody_elses_assertion(identity: Running, provider: Provider) -> None:
    professional, patient = provider.assertion(), provider.sign(provider.patient_claims("279035121518989", "1.2.250.1.213.1.4.10"))
    for assertion in (professional, patient):
        for purpose in (OPERATIONS, purposes.PURPOSE_OF_USE_TREATMENT):
            assert _refused(identity, assertion, purpose=purpose).reason == "ASSERTION_INVALID"


@pytest.mark.long
def test_an_issuer_of_professionals_asserts_no_operators(start: object, provider: Provider) -> None:
    with start("identity_no_operators", operator_issuers="[]") as identity:  # type: ignore[operator]  # the fixture
        assert _refused(identity, provider.sign(claims_of(provider, "anne"))).reason == "ASSERTION_INVALID"


def test_a_structures_certificate_is_no_operator(identity: Running) -> None:
    with identity.stub(session_grpc.SessionServiceStub, CERTIFICATE) as sessions:
        answer = refused(lambda: sessions.ExchangeCertificate(session_pb.ExchangeCertificateRequest(purpose=OPERATIONS), timeout=10))
    assert answer.reason == "USER_UNKNOWN"


def test_an_officer_looks_and_does_nothing(identity: Running, provider: Provider, neighbours: Neighbours) -> None:
    officer, operator = Operator.of(identity, provider, "dora", OFFICER), Operator.of(identity, provider, "anne")
    proposed = operator.propose(identity.structure("990000036"))
    assert proposed.name in {one.name for one in officer.operations().operations}
    for forbidden in (
        lambda: officer.propose(proposed.target),
        lambda: officer.approve(proposed.name),
        lambda: officer.decline(proposed.name),
    ):
        assert refused(forbidden).reason == "ROLE_NOT_ALLOWED"
    wait_until(
        lambda: any(
            event.kind == "operation.refused" and event.reason == "ROLE_NOT_ALLOWED" for event in tuple(neighbours.audit.events.values())
        )
    )
    operator.decline(proposed.name)


def test_an_operator_whose_session_was_ended_does_nothing_more(identity: Running, provider: Provider) -> None:
    opened = log_in(identity, provider, "anne")
    operator = Operator(identity, opened.access_token, opened.subject)
    with identity.stub(session_grpc.SessionServiceStub, CERTIFICATE) as sessions:
        request = session_pb.RevokeSessionRequest(request_id="6ad3b4a2-2bd5-4dbb-9d0a-0c9b8f0f5c12", session=opened.session)
        sessions.RevokeSession(request, timeout=10)
    for forbidden in (operator.operations, lambda: operator.propose("professionals/a"), lambda: operator.approve("operations/a")):
        assert refused(forbidden).reason == "SESSION_WITHDRAWN"


def test_nothing_of_an_operator_is_logged(identity: Running, provider: Provider) -> None:
    """Canaries: neither who he is at his provider, nor the words of his reason."""
    operator = Operator.of(identity, provider, "canary")
    operator.decline(operator.propose(identity.structure("990000036")).name)
    text = identity.log.read_text()
    assert "operator-canary" not in text
    assert REASON not in text
