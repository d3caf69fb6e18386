"""Exchanging an assertion for a user token, with every forged, stale and misdirected assertion of trial S1."""

import base64
import hashlib
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import session_service_pb2 as pb
from carnet.identity.v1 import session_service_pb2_grpc as pb_grpc
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import HOSPITAL, INSURER, Refused, Running, lines, refused
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from support.waiting import wait_until

AN_HOUR = timedelta(hours=1)
INVALID = (grpc.StatusCode.UNAUTHENTICATED, "ASSERTION_INVALID", "assertion")


def _refused(identity: Running, assertion: str, **arguments: Any) -> Refused:  # noqa: ANN401 - those of exchange
    return refused(lambda: identity.exchange(assertion, **arguments))


def _why(answer: Refused) -> tuple[grpc.StatusCode, str, str]:
    return answer.code, answer.reason, answer.field


def _keys(identity: Running) -> KeySet:
    with identity.stub(pb_grpc.SigningKeyServiceStub, "documents") as keys:
        return KeySet.import_key_set(json.loads(keys.ListSigningKeys(pb.ListSigningKeysRequest(), timeout=10).jwks))


def _thumbprint(folder: Path) -> str:
    certificate = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    return base64.urlsafe_b64encode(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()).rstrip(b"=").decode()


def test_an_assertion_becomes_a_token_of_five_minutes_bound_to_the_callers_certificate(identity: Running, provider: Provider) -> None:
    answer = identity.exchange(provider.assertion())
    token = jwt.decode(answer.access_token, _keys(identity), algorithms=["ES256"])
    claims = token.claims
    assert token.header["kid"] == _keys(identity).keys[0].thumbprint()
    assert (claims["iss"], claims["aud"], claims["role"], claims["spec"]) == ("carnet-identity", "carnet", "10", "SM26")
    assert (claims["sub"], claims["sid"], claims["purpose"]) == (answer.subject, answer.session, "TREATMENT")
    assert claims["act"] == {"sub": "spiffe://carnet/software/gp"}
    assert claims["cnf"] == {"x5t#S256": _thumbprint(identity.authority.folder("software/gp"))}
    assert claims["exp"] - claims["iat"] == 300 == claims["exp"] - claims["nbf"]
    assert answer.expire_time.seconds == claims["exp"]
    assert answer.subject.startswith("professionals/")
    assert not {"rpps", "preferred_username", "family_name", "ins"} & set(claims)


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
def test_the_other_pinned_algorithms_are_taken(identity: Running, provider: Provider, alg: str) -> None:
    assert identity.exchange(provider.sign(provider.claims(), kid="rsa", alg=alg)).access_token


def test_an_audience_among_others_needs_us_as_the_authorised_party(identity: Running, provider: Provider) -> None:
    assert identity.exchange(provider.assertion(aud=["other", "carnet"], azp="carnet")).access_token
    assert _why(_refused(identity, provider.assertion(aud=["other", "carnet"]))) == INVALID
    assert _why(_refused(identity, provider.assertion(azp="other"))) == INVALID


def test_the_same_assertion_is_exchanged_once(identity: Running, provider: Provider) -> None:
    """S1: replay."""
    assertion = provider.assertion()
    identity.exchange(assertion)
    assert _why(_refused(identity, assertion)) == INVALID
    assert _why(_refused(identity, assertion, name="software/hospital")) == INVALID
    same_id = provider.claims()
    identity.exchange(provider.sign(same_id))
    assert _why(_refused(identity, provider.sign({**same_id, "exp": same_id["exp"] + 1}))) == INVALID


def test_an_assertion_without_a_jti_is_exchanged_once_as_well(identity: Running, provider: Provider) -> None:
    """S1: replay. What was signed stands for it, and another spelling of its signature does not make it another."""
    assertion = provider.assertion(jti=None)
    text, _, signature = assertion.rpartition(".")
    identity.exchange(assertion)
    assert _why(_refused(identity, assertion)) == INVALID
    assert _why(_refused(identity, f"{text}.{_other_spelling(signature)}")) == INVALID
    assert identity.exchange(provider.assertion(jti=None, sub="another login")).access_token


def _other_spelling(signature: str) -> str:
    """The same signature on P-256 with n - s for s, which holds as well."""
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    turned = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return base64.urlsafe_b64encode(turned).rstrip(b"=").decode()


def test_the_nonce_of_the_login_is_the_assertions(identity: Running, provider: Provider) -> None:
    """S1: an assertion made for another login."""
    assert identity.exchange(provider.assertion(nonce="mine"), nonce="mine").access_token
    for claimed, sent in (("mine", ""), ("mine", "other"), (None, "mine"), (7, "7")):
        assert _why(_refused(identity, provider.assertion(nonce=claimed), nonce=sent)) == INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": ["http://x"]},
        {"exp": -AN_HOUR, "iat": -AN_HOUR - timedelta(minutes=5), "nbf": None},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 1e300},
        {"exp": True},
        {"iat": AN_HOUR, "exp": 2 * AN_HOUR, "nbf": None},
        {"iat": -AN_HOUR},
        {"iat": None},
        {"nbf": AN_HOUR, "exp": 2 * AN_HOUR},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 257},
        {"jti": "a\nb"},
        {"jti": {"$ne": ""}},
        {"preferred_username": None},
        {"preferred_username": "099700366240"},
        {"preferred_username": "899700366241"},
        {"preferred_username": {"$ne": ""}},
        {"ins": "279035121518989", "ins_authority": "1.2.250.1.213.1.4.10"},
        {"acr": None},
        {"acr": "eidas1"},
        {"acr": "eidas9"},
        {"nonce": "of-another-login"},
        {"act": {"sub": "professionals/somebody"}},
        {"typ": "Bearer"},
        {"typ": None, "events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        {"act": None, "amr": "pwd"},
        {"SubjectNameID": "899700218896"},
        {"otherIds": [{"identifiant": "99700366240"}]},
        {"SubjectRefPro": {"exercices": [{"codeProfession": 10}]}},
        {"Acces_Regulation_Medicale": "OUI"},
    ],
    ids=repr,
)
def test_a_signed_assertion_with_a_wrong_claim_is_refused(identity: Running, provider: Provider, changes: dict[str, Any]) -> None:
    """S1: expired, not yet valid, wrong or missing aud and iss; too weak a login, another's nonce, a malformed actor."""
    assert _why(_refused(identity, provider.assertion(**changes))) == INVALID


def test_clocks_may_differ_by_a_minute_and_no_more(identity: Running, provider: Provider) -> None:
    """R9 and S1: a tolerance of 60 s."""
    now = int(time.time())
    assert identity.exchange(provider.assertion(iat=now + 50, nbf=now + 50, exp=now + 350)).access_token
    assert identity.exchange(provider.assertion(iat=now - 340, nbf=now - 340, exp=now - 40)).access_token
    assert _why(_refused(identity, provider.assertion(iat=now + 75, nbf=now + 75, exp=now + 375))) == INVALID
    assert _why(_refused(identity, provider.assertion(iat=now - 370, nbf=now - 370, exp=now - 61))) == INVALID


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 5, ["none"]])
def test_an_unsigned_assertion_is_refused(identity: Running, provider: Provider, alg: object) -> None:
    """S1: alg none."""
    assert _why(_refused(identity, provider.signed_by_hand({"alg": alg, "kid": "ec"}, provider.claims(), None))) == INVALID


@pytest.mark.parametrize("kid", ["ec", "rsa"])
@pytest.mark.parametrize("alg", ["HS256", "ES256", "RS256"])
def test_a_public_key_is_never_taken_for_a_secret(identity: Running, provider: Provider, kid: str, alg: str) -> None:
    """S1: algorithm confusion."""
    key = provider.keys[kid].public_key
    forms = [(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)]
    secrets = [key.public_bytes(*form) for form in forms] + [json.dumps(provider.keys[kid].as_dict(private=False)).encode()]
    for secret in secrets:
        assert _why(_refused(identity, provider.signed_by_hand({"alg": alg, "kid": kid}, provider.claims(), secret))) == INVALID


def test_a_key_of_one_kind_signs_no_algorithm_of_another(identity: Running, provider: Provider) -> None:
    """S1: algorithm confusion."""
    text = provider.sign(provider.claims(), kid="rsa", alg="RS256").split(".")
    for header in ({"alg": "ES256", "kid": "rsa"}, {"alg": "RS256", "kid": "ec"}, {"alg": "PS256", "kid": "rsa"}):
        forged = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        assert _why(_refused(identity, ".".join([forged, *text[1:]]))) == INVALID


def test_a_header_brings_no_key_and_points_to_none(identity: Running, provider: Provider) -> None:
    """S1: jku, x5u, jwk, x5c injection."""
    own = provider.stranger.as_dict(private=False)
    for header in ({"jku": f"{provider.issuer}/jwks"}, {"x5u": "http://127.0.0.1:1/"}, {"jwk": own}, {"x5c": ["MAo="]}, {"crit": ["exp"]}):
        text = provider.sign(provider.claims()).split(".")
        forged = base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": "ec", **header}).encode()).rstrip(b"=").decode()
        assert _why(_refused(identity, ".".join([forged, *text[1:]]))) == INVALID
        signed = jwt.encode({"alg": "ES256", "kid": "ec"}, provider.claims(), provider.stranger, algorithms=["ES256"])
        assert _why(_refused(identity, signed)) == INVALID


@pytest.mark.parametrize("kind", ["at+jwt", "logout+jwt", ""])
def test_another_token_of_the_same_provider_is_no_assertion(identity: Running, provider: Provider, kind: str) -> None:
    """S1: RFC 8725 3.11."""
    assert _why(_refused(identity, provider.sign(provider.claims(), typ=kind))) == INVALID
    assert identity.exchange(provider.sign(provider.claims(), typ="jwt")).access_token


def test_an_unknown_key_asks_the_provider_at_most_once_in_ten_seconds(identity: Running, provider: Provider) -> None:
    """S1: unknown kid."""
    identity.exchange(provider.assertion())
    before = provider.fetches
    for number in range(20):
        forged = jwt.encode({"alg": "ES256", "kid": f"unknown-{number}"}, provider.claims(), provider.stranger, algorithms=["ES256"])
        assert _why(_refused(identity, forged)) == INVALID
    assert provider.fetches - before <= 1


@pytest.mark.parametrize(
    "assertion", ["", ".", "..", "a.b.c", "e30.e30.", "x" * 9000, "W10.W10.AA", "\u00e9.\u00e9.\u00e9", "e30.e30.e30.e30.e30"]
)
def test_what_is_no_assertion_is_refused(identity: Running, assertion: str) -> None:
    assert _why(_refused(identity, assertion)) == INVALID


def test_a_changed_claim_or_signature_is_refused(identity: Running, provider: Provider) -> None:
    header, _, signature = provider.assertion().split(".")
    other = provider.assertion(preferred_username="899700218896").split(".")[1]
    assert _why(_refused(identity, f"{header}.{other}.{signature}")) == INVALID
    assert _why(_refused(identity, provider.assertion() + "A")) == INVALID


def test_a_professional_names_a_structure_where_he_works(identity: Running, provider: Provider) -> None:
    unknown = _refused(identity, provider.assertion(), structure=identity.structure(HOSPITAL))
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.PERMISSION_DENIED, "USER_UNKNOWN")
    assert _refused(identity, provider.assertion(), structure="").field == "structure"
    assert _refused(identity, provider.assertion(), structure="structures/../x").field == "structure"
    assert _refused(identity, provider.assertion(preferred_username="810100997245")).reason == "USER_UNKNOWN"


def test_a_slip_in_the_structure_does_not_use_the_assertion_up(identity: Running, provider: Provider) -> None:
    assertion = provider.assertion()
    assert _refused(identity, assertion, structure=identity.structure(HOSPITAL)).reason == "USER_UNKNOWN"
    assert identity.exchange(assertion).access_token


def test_a_purpose_must_be_open_to_the_role(identity: Running, provider: Provider) -> None:
    for purpose in (purposes.PURPOSE_OF_USE_PATIENT_REQUEST, purposes.PURPOSE_OF_USE_SYSTEM_DEPOSIT, purposes.PURPOSE_OF_USE_OPERATIONS):
        answer = _refused(identity, provider.assertion(), purpose=purpose)
        assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PURPOSE_NOT_ALLOWED")
    for unstated in (purposes.PURPOSE_OF_USE_UNSPECIFIED, 77):
        assert _refused(identity, provider.assertion(), purpose=unstated).field == "purpose"


def test_dispatch_needs_the_providers_word(identity: Running, provider: Provider) -> None:
    dispatch = purposes.PURPOSE_OF_USE_EMERGENCY_DISPATCH
    assert _refused(identity, provider.assertion(), purpose=dispatch).reason == "PURPOSE_NOT_ALLOWED"
    assert _refused(identity, provider.assertion(Acces_Regulation_Medicale="FAUX"), purpose=dispatch).reason == "PURPOSE_NOT_ALLOWED"
    assert identity.exchange(provider.assertion(Acces_Regulation_Medicale="VRAI"), purpose=dispatch).access_token


def test_an_unregistered_patient_is_unknown(identity: Running, provider: Provider) -> None:
    claims = provider.patient_claims("168017218137243", "1.2.250.1.213.1.4.10")
    answer = _refused(identity, provider.sign(claims), structure="", purpose=purposes.PURPOSE_OF_USE_PATIENT_REQUEST, name="portal")
    assert answer.reason == "USER_UNKNOWN"


def test_the_insurers_certificate_becomes_a_token_of_its_structure(identity: Running) -> None:
    request = pb.ExchangeCertificateRequest(purpose=purposes.PURPOSE_OF_USE_SYSTEM_DEPOSIT)
    with identity.stub(pb_grpc.SessionServiceStub, "system/insurer") as sessions:
        answer = sessions.ExchangeCertificate(request, timeout=10)
        treatment = pb.ExchangeCertificateRequest(purpose=purposes.PURPOSE_OF_USE_TREATMENT)
        assert refused(lambda: sessions.ExchangeCertificate(treatment, timeout=10)).reason == "PURPOSE_NOT_ALLOWED"
    claims = jwt.decode(answer.access_token, _keys(identity), algorithms=["ES256"]).claims
    assert (claims["role"], claims["sub"], claims["org"]) == ("INSURER", identity.structure(INSURER), identity.structure(INSURER))
    with identity.stub(pb_grpc.SessionServiceStub, "software/gp") as sessions:
        assert refused(lambda: sessions.ExchangeCertificate(request, timeout=10)).reason == "USER_UNKNOWN"


def test_refusals_are_recorded_without_a_number(identity: Running, provider: Provider, neighbours: Neighbours) -> None:
    """S1 and A5: refused and recorded; the first of a caller and reason by itself."""
    identity.exchange(assertion := provider.assertion(), name="software/emergency")
    assert _why(_refused(identity, assertion, name="software/emergency")) == INVALID

    def is_recorded() -> bool:
        events = [event for event in list(neighbours.audit.events.values()) if event.actor.software.endswith("emergency")]
        return any((event.kind, event.reason) == ("session.refused", "ASSERTION_REPLAYED") for event in events)

    wait_until(is_recorded)
    written = "".join(str(event) for event in list(neighbours.audit.events.values())) + json.dumps(lines(identity.log))
    assert "99700366240" not in written
    assert "UNTEL" not in written


def test_only_public_parts_of_signing_keys_are_published(identity: Running) -> None:
    for key in _keys(identity).keys:
        assert isinstance(key, ECKey)
        assert not key.is_private
