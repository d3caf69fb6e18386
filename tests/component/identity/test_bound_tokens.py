"""Tokens are bound to the certificate of their first presenter (RFC 8705), and verify as long as the key that signed them is published."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import patient_registry_service_pb2 as registry_pb
from carnet.identity.v1 import patient_registry_service_pb2_grpc as registry_grpc
from carnet.identity.v1 import session_service_pb2 as pb
from carnet.identity.v1 import session_service_pb2_grpc as pb_grpc
from carnet_dev.certificates import Authority
from carnet_dev.key_files import signing_key_file
from component.identity.conftest import Start
from component.identity.provider import Provider
from component.identity.running import PRACTICE, Running, ins, lines, refused
from joserfc.jwk import ECKey
from support.waiting import wait_until

StubT = TypeVar("StubT")


@contextmanager
def _stub(identity: Running, kind: Callable[[grpc.Channel], StubT], folder: Path) -> Iterator[StubT]:
    """A stub under the certificate of a folder."""
    key, chain, root = ((folder / file).read_bytes() for file in ("key.pem", "cert.pem", "ca.pem"))
    with grpc.secure_channel(identity.target, grpc.ssl_channel_credentials(root, key, chain)) as channel:
        yield kind(channel)


def _log_in(identity: Running, provider: Provider, folder: Path) -> str:
    request = pb.ExchangeAssertionRequest(
        assertion=provider.assertion(), purpose=purposes.PURPOSE_OF_USE_TREATMENT, structure=identity.structure(PRACTICE)
    )
    with _stub(identity, pb_grpc.SessionServiceStub, folder) as sessions:
        return sessions.ExchangeAssertion(request, timeout=10).access_token


def _reason(identity: Running, token: str, folder: Path) -> str:
    """How a look-up under a token and a certificate is refused; NOT_FOUND when both are good, for the number is nobody's."""
    request = registry_pb.LookupPatientRequest(ins=ins("168017218137243"))
    with _stub(identity, registry_grpc.PatientRegistryServiceStub, folder) as registry:
        return refused(lambda: registry.LookupPatient(request, metadata=(("authorization", f"Bearer {token}"),), timeout=10)).reason


def test_a_token_stays_with_the_certificate_it_was_issued_to_when_that_is_renewed(
    identity: Running, provider: Provider, certificates: Authority, tmp_path: Path
) -> None:
    """architecture.md 3: `cnf` is the thumbprint of the first presenter. S1: a bound token from another client."""
    old, renewed = certificates.folder("software/gp"), tmp_path / "renewed"
    certificates.issue(renewed, "software/gp")
    before = _log_in(identity, provider, old)
    after = _log_in(identity, provider, renewed)
    assert (_reason(identity, before, old), _reason(identity, after, renewed)) == ("NOT_FOUND", "NOT_FOUND")
    assert (_reason(identity, before, renewed), _reason(identity, after, old)) == ("TOKEN_WRONG_PRESENTER", "TOKEN_WRONG_PRESENTER")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with one signing key."""
    return signing_key_file(tmp_path / "keys" / "2026-01-01.pem").parent


def test_a_new_signing_key_is_published_signs_later_and_the_old_one_can_go(
    start: Start, provider: Provider, certificates: Authority, keys: Path
) -> None:
    """docs/operations/key-rotation.md, step by step, without a restart."""
    times = {"token_key_lead": "PT3S", "token_keys_every": "PT0.1S"}
    folder = certificates.folder("software/gp")
    with start("identity_rotating", token_key_folder=str(keys), **times) as identity:
        old = _kid(keys / "2026-01-01.pem")
        wait_until(lambda: _published(identity) == [old])
        token = _log_in(identity, provider, folder)
        new = _kid(signing_key_file(keys / "2026-02-01.pem"))
        wait_until(lambda: _published(identity) == [new, old])
        assert _signed_by(_log_in(identity, provider, folder)) == old
        wait_until(lambda: _signed_by(_log_in(identity, provider, folder)) == new)
        assert _reason(identity, token, folder) == "NOT_FOUND"
        (keys / "2026-01-01.pem").unlink()
        wait_until(lambda: _published(identity) == [new])
        assert _reason(identity, _log_in(identity, provider, folder), folder) == "NOT_FOUND"
        (keys / "2026-02-01.pem").chmod(0o644)
        wait_until(lambda: any(line["event"] == "signing_keys.kept_old" for line in lines(identity.log)))
        assert _published(identity) == [new]


def _kid(file: Path) -> str:
    return ECKey.import_key(file.read_bytes()).thumbprint()


def _published(identity: Running) -> list[str]:
    with identity.stub(pb_grpc.SigningKeyServiceStub, "documents") as stub:
        return [key["kid"] for key in json.loads(stub.ListSigningKeys(pb.ListSigningKeysRequest(), timeout=10).jwks)["keys"]]


def _signed_by(token: str) -> str:
    return str(json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"])
