"""A structure's certificate asserts a named user (indirect authentication, domain.md 1.2; rules.md 11), or acts for itself."""

import json
import time
from datetime import timedelta
from typing import Any

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import session_service_pb2 as pb
from carnet.identity.v1 import session_service_pb2_grpc as pb_grpc
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import HOSPITAL, Refused, Running, refused
from google.protobuf.timestamp_pb2 import Timestamp
from joserfc import jwt
from joserfc.jwk import KeySet
from support.waiting import wait_until

CHLOE, ALICE = "99700427885", "99700366240"
"""Who works at the hospital, and who does not."""
TREATMENT, DEPOSIT = purposes.PURPOSE_OF_USE_TREATMENT, purposes.PURPOSE_OF_USE_SYSTEM_DEPOSIT


def user(**changes: Any) -> pb.AssertedUser:  # noqa: ANN401 - fields of the message
    """Chloé, by two factors, just now; None leaves a field out, and a timedelta is an instant that far from now."""
    good = {"rpps": CHLOE, "authentication": pb.LOCAL_AUTHENTICATION_TWO_FACTORS, "authentication_time": timedelta(seconds=-5)}
    now = int(time.time())
    stated: dict[str, Any] = {
        name: Timestamp(seconds=now + int(value.total_seconds())) if isinstance(value, timedelta) else value
        for name, value in {**good, **changes}.items()
        if value is not None
    }
    return pb.AssertedUser(**stated)


def exchange(
    identity: Running, asserted: pb.AssertedUser | None, *, purpose: int = TREATMENT, name: str = "software/hospital"
) -> pb.ExchangeCertificateResponse:
    request = pb.ExchangeCertificateRequest(purpose=purposes.PurposeOfUse.ValueType(purpose), asserted_user=asserted)
    with identity.stub(pb_grpc.SessionServiceStub, name) as sessions:
        return sessions.ExchangeCertificate(request, timeout=10)


def _refused(identity: Running, asserted: pb.AssertedUser | None, **arguments: Any) -> Refused:  # noqa: ANN401 - those of exchange
    return refused(lambda: exchange(identity, asserted, **arguments))


def _claims(identity: Running, token: str) -> dict[str, Any]:
    with identity.stub(pb_grpc.SigningKeyServiceStub, "documents") as stub:
        keys = KeySet.import_key_set(json.loads(stub.ListSigningKeys(pb.ListSigningKeysRequest(), timeout=10).jwks))
    return dict(jwt.decode(token, keys, algorithms=["ES256"]).claims)


def test_the_user_is_the_professional_and_the_structure_vouches(identity: Running, provider: Provider) -> None:
    """architecture.md 3: the professional is `sub`, the structure `org`, the software outermost in `act` (RFC 8693 4.1)."""
    hospital = identity.structure(HOSPITAL)
    answer = exchange(identity, user())
    claims = _claims(identity, answer.access_token)
    chloe = identity.exchange(provider.assertion(preferred_username=f"8{CHLOE}"), structure=hospital).subject
    assert (claims["sub"], claims["org"], claims["role"], claims["spec"]) == (chloe, hospital, "10", "SM54")
    assert claims["act"] == {"sub": "spiffe://carnet/software/hospital", "act": {"sub": hospital}}
    assert (claims["auth"], claims["amr"]) == ("STRUCTURE", ["mfa"])
    assert "acr" not in claims
    assert answer.subject == chloe


def test_an_unreachable_provider_stands_in_token_and_events(identity: Running, neighbours: Neighbours) -> None:
    """rules.md 11: the event says so."""
    answer = exchange(identity, user(provider_unreachable=True, authentication=pb.LOCAL_AUTHENTICATION_CARD))
    assert _claims(identity, answer.access_token)["auth"] == "STRUCTURE_PROVIDER_UNREACHABLE"

    def opened() -> list[tuple[str, str, str]]:
        events = [event for event in list(neighbours.audit.events.values()) if event.subject == answer.session]
        return [(event.kind, event.change, event.actor.authentication) for event in events]

    wait_until(lambda: bool(opened()))
    said = "by=STRUCTURE_PROVIDER_UNREACHABLE amr=mfa,sc"
    assert opened() == [("session.opened", said, "STRUCTURE_PROVIDER_UNREACHABLE")]


def test_it_works_while_the_provider_is_down(identity: Running, provider: Provider) -> None:
    """rules.md 11."""
    provider.is_down = True
    try:
        assert exchange(identity, user(provider_unreachable=True)).access_token
    finally:
        provider.is_down = False


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rpps": None}, "rpps"),
        ({"rpps": "99700427886"}, "rpps"),
        ({"rpps": f"8{CHLOE}"}, "rpps"),
        ({"authentication": None}, "authentication"),
        ({"authentication": 77}, "authentication"),
        ({"authentication_time": None}, "authentication_time"),
        ({"authentication_time": timedelta(hours=-1)}, "authentication_time"),
        ({"authentication_time": timedelta(hours=1)}, "authentication_time"),
        ({"authentication_time": Timestamp(seconds=10**15)}, "authentication_time"),
    ],
)
def test_an_incomplete_user_is_refused_never_left_out(identity: Running, changes: dict[str, Any], field: str) -> None:
    for purpose in (TREATMENT, DEPOSIT):
        told = _refused(identity, user(**changes), purpose=purpose)
        assert (told.code, told.field) == (grpc.StatusCode.INVALID_ARGUMENT, f"asserted_user.{field}")


def test_an_empty_user_is_not_nobody(identity: Running) -> None:
    assert _refused(identity, pb.AssertedUser(), purpose=DEPOSIT).field == "asserted_user.rpps"


def test_a_user_works_in_the_very_structure_of_the_certificate(identity: Running) -> None:
    assert _refused(identity, user(rpps=ALICE)).reason == "USER_UNKNOWN"
    assert _refused(identity, user(rpps="10100997245")).reason == "USER_UNKNOWN"


def test_a_certificate_names_users_only_where_the_table_says_so(identity: Running) -> None:
    told = _refused(identity, user(), name="system/insurer")
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED")
    assert _refused(identity, user(), name="software/gp").reason == "USER_UNKNOWN"


def test_a_purpose_is_the_users_and_dispatch_needs_the_provider(identity: Running) -> None:
    """Who regulates calls of Centre 15 is for the identity provider to say (domain.md 1.2)."""
    assert exchange(identity, user(), purpose=purposes.PURPOSE_OF_USE_BREAK_GLASS).access_token
    for purpose in (DEPOSIT, purposes.PURPOSE_OF_USE_EMERGENCY_DISPATCH, purposes.PURPOSE_OF_USE_PATIENT_REQUEST):
        assert _refused(identity, user(), purpose=purpose).reason == "PURPOSE_NOT_ALLOWED"


def test_a_structures_own_token_deposits_and_nothing_else(identity: Running) -> None:
    """domain.md 1.2: a technical user writes and never reads."""
    claims = _claims(identity, exchange(identity, None, purpose=DEPOSIT).access_token)
    assert (claims["sub"], claims["role"]) == (identity.structure(HOSPITAL), "STRUCTURE")
    assert claims["act"] == {"sub": "spiffe://carnet/software/hospital"}
    for purpose in (TREATMENT, purposes.PURPOSE_OF_USE_BREAK_GLASS, purposes.PURPOSE_OF_USE_PATIENT_REQUEST):
        assert _refused(identity, None, purpose=purpose).reason == "PURPOSE_NOT_ALLOWED"
