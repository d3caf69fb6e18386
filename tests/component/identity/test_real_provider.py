"""The whole way in at a real OpenID Connect provider: the one of `make run`, whose protocol is Authlib's."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import httpx
import pytest
import uvicorn
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import session_service_pb2 as pb
from carnet.identity.v1 import session_service_pb2_grpc as pb_grpc
from carnet_dev.identity_provider import application
from carnet_dev.login import log_in
from carnet_dev.oidc_server import OidcServer
from carnet_dev.people import DIRECTORY_FILE, accounts
from carnet_dev.ports import free_port
from component.identity.conftest import Start
from component.identity.neighbours import Neighbours
from component.identity.running import HOSPITAL, Running, refused
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from support.waiting import wait_until


@pytest.fixture(scope="module")
def real() -> Iterator[OidcServer]:
    """The provider, over HTTP."""
    port = free_port()
    server = OidcServer(f"http://127.0.0.1:{port}", [ECKey.generate_key("P-256")], accounts())
    with _served(server, port):
        yield server


@contextmanager
def _served(server: OidcServer, port: int) -> Iterator[None]:
    running = uvicorn.Server(uvicorn.Config(application(server), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    wait_until(lambda: running.started)
    yield
    running.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def trusting(start: Start, real: OidcServer) -> Iterator[Running]:
    """An identity that trusts it."""
    issuers = json.dumps([real.issuer])
    with start("identity_real", professional_issuers=issuers, patient_issuers=issuers, provider_keys_every="PT0.2S") as running:
        yield running


def _token(identity: Running, answer: pb.ExchangeAssertionResponse) -> dict[str, object]:
    with identity.stub(pb_grpc.SigningKeyServiceStub, "documents") as stub:
        keys = KeySet.import_key_set(json.loads(stub.ListSigningKeys(pb.ListSigningKeysRequest(), timeout=10).jwks))
    return dict(jwt.decode(answer.access_token, keys, algorithms=["ES256"]).claims)


async def test_everybody_of_the_page_who_works_somewhere_logs_in(trusting: Running, real: OidcServer) -> None:
    """Discovery, authorization code, PKCE, nonce, keys, claims of Pro Santé Connect (domain.md 1.2), exchange."""
    works_in = {f"8{one['rpps']}": one["structures"] for one in json.loads(DIRECTORY_FILE.read_text(encoding="utf-8"))["professionals"]}
    for user, account in accounts().items():
        for finess in works_in.get(account.claims.get("preferred_username", ""), ()):
            logged_in = await log_in(real.issuer, user, nonce=f"nonce of {user}")
            structure = trusting.structure(finess)
            answer = trusting.exchange(logged_in.id_token, structure=structure, nonce=logged_in.nonce)
            claims = _token(trusting, answer)
            assert (claims["acr"], claims["org"]) == ("eidas2", structure)
            assert claims["amr"] == account.claims["amr"]
            assert "auth" not in claims


async def test_a_login_is_recorded_with_how_it_is_known_who_it_is(trusting: Running, real: OidcServer, neighbours: Neighbours) -> None:
    answer = trusting.exchange((await log_in(real.issuer, "alice")).id_token)

    def opened() -> list[tuple[str, str, str]]:
        events = [event for event in list(neighbours.audit.events.values()) if event.subject == answer.session]
        return [(event.kind, event.change, event.actor.subject) for event in events]

    wait_until(lambda: bool(opened()))
    assert opened() == [("session.opened", "acr=eidas2 amr=mfa,sc mode=CARD", answer.subject)]


async def test_a_stolen_assertion_is_of_no_use_without_its_nonce(trusting: Running, real: OidcServer) -> None:
    """S1: the nonce stays with the software that began the login."""
    stolen = await log_in(real.issuer, "alice", nonce="known to the software alone")
    for guess in ("", "another"):
        assert refused(lambda guess=guess: trusting.exchange(stolen.id_token, nonce=guess)).reason == "ASSERTION_INVALID"  # type: ignore[misc]
    assert trusting.exchange(stolen.id_token, nonce=stolen.nonce).access_token


async def test_the_dispatcher_dispatches(trusting: Running, real: OidcServer) -> None:
    """`Acces_Regulation_Medicale` (domain.md 1.2); CSP L1111-17."""
    hospital, dispatch = trusting.structure(HOSPITAL), purposes.PURPOSE_OF_USE_EMERGENCY_DISPATCH
    fanny, chloe = await log_in(real.issuer, "fanny"), await log_in(real.issuer, "chloe")
    assert trusting.exchange(fanny.id_token, structure=hospital, purpose=dispatch).access_token
    told = refused(lambda: trusting.exchange(chloe.id_token, structure=hospital, purpose=dispatch))
    assert told.reason == "PURPOSE_NOT_ALLOWED"


async def test_the_providers_keys_turn_over(trusting: Running, real: OidcServer) -> None:
    """A new key signs at once; the old one is taken as long as it is published."""
    before = (await log_in(real.issuer, "alice")).id_token
    real.keys = [ECKey.generate_key("P-256"), *real.keys]
    after = (await log_in(real.issuer, "alice")).id_token

    def is_taken() -> bool:
        try:
            return bool(trusting.exchange(after).access_token)
        except grpc.RpcError:
            return False

    wait_until(is_taken)
    assert trusting.exchange(before).access_token


async def test_a_browser_that_is_not_logged_in_gets_no_code(real: OidcServer) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{real.issuer}/authorize", params={"client_id": "carnet"}, data={"user": "alice"})
    assert answer.status_code == 400
