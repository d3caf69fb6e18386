"""An identity provider that is gone, hangs, lies or changes its keys: no session comes of it, and all is well once it is (fail closed)."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import grpc
import pytest
from component.identity.conftest import Start
from component.identity.provider import Provider
from component.identity.running import Running, refused
from joserfc.jwk import ECKey
from support.waiting import wait_until

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/jwks"
PATIENCE = 1.0


@pytest.fixture(scope="module")
def other() -> Iterator[Provider]:
    """A provider that identity does not trust."""
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def liar() -> Iterator[Provider]:
    """A provider that identity trusts, and that will lie."""
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def asking(start: Start, liar: Provider) -> Iterator[Running]:
    """An identity that asks its provider for keys at each exchange."""
    issuers = json.dumps([liar.issuer])
    times = {"provider_keys_kept": "PT0.001S", "provider_keys_every": "PT0.001S", "provider_timeout": f"PT{PATIENCE}S"}
    with start("identity_asking", professional_issuers=issuers, patient_issuers=issuers, **times) as running:
        yield running


def answer(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> bool:
    """Sends an answer."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    return True


def at(path: str, **told: Any) -> Callable[[BaseHTTPRequestHandler], bool]:  # noqa: ANN401 - JSON
    """Lies at one address."""
    return lambda handler: handler.path == path and answer(handler, json.dumps(told).encode())


def _hangs(handler: BaseHTTPRequestHandler) -> bool:
    handler.connection.settimeout(PATIENCE * 5)
    with suppress(OSError):
        handler.rfile.read(1)
    return True


def _drips(handler: BaseHTTPRequestHandler) -> bool:
    """A byte now and then, each sooner than any patience with a single one."""
    handler.send_response(200)
    handler.end_headers()
    begun = time.monotonic()
    with suppress(OSError):
        while time.monotonic() - begun < PATIENCE * 5:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            threading.Event().wait(PATIENCE / 10)
    return True


def _is_huge(handler: BaseHTTPRequestHandler) -> bool:
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        for _ in range(1024):
            handler.wfile.write(b" " * 65_536)
    return True


def _redirects(handler: BaseHTTPRequestHandler) -> bool:
    return handler.path == KEYS and answer(handler, b"", 302, Location="/elsewhere")


LIES: dict[str, Callable[[BaseHTTPRequestHandler], bool]] = {
    "speaks for another issuer": at(DISCOVERY, issuer="https://evil.example", jwks_uri="https://evil.example/jwks"),
    "names no issuer": at(DISCOVERY, jwks_uri="http://127.0.0.1:1/jwks"),
    "names no keys": lambda handler: (
        handler.path == DISCOVERY and answer(handler, json.dumps({"issuer": f"http://{handler.headers['Host']}"}).encode())
    ),
    "keeps its keys in a file": lambda handler: (
        handler.path == DISCOVERY
        and answer(handler, json.dumps({"issuer": f"http://{handler.headers['Host']}", "jwks_uri": "file:///etc/passwd"}).encode())
    ),
    "redirects": _redirects,
    "is huge": _is_huge,
    "is packed": lambda handler: answer(handler, b"\x1f\x8b", Content_Encoding="gzip"),
    "is no JSON": lambda handler: answer(handler, b"<html>"),
    "is a list": lambda handler: answer(handler, b"[]"),
    "is deep": lambda handler: answer(handler, b"[" * 100_000 + b"]" * 100_000),
    "fails": lambda handler: answer(handler, b"{}", 500),
    "hangs": _hangs,
    "drips": _drips,
}


@pytest.mark.parametrize("lie", LIES)
def test_a_provider_that_lies_or_hangs_logs_nobody_in(asking: Running, liar: Provider, lie: str) -> None:
    liar.lie = LIES[lie]
    begun = time.monotonic()
    try:
        told = refused(lambda: asking.exchange(liar.assertion()))
    finally:
        liar.lie = None
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    assert time.monotonic() - begun < PATIENCE + 2
    wait_until(lambda: _logs_in(asking, liar))


def test_a_provider_that_is_gone_logs_nobody_in_until_it_is_back(asking: Running, liar: Provider) -> None:
    """rules.md 11 says what a hospital does meanwhile."""
    liar.is_down = True
    try:
        assert refused(lambda: asking.exchange(liar.assertion())).reason == "DEPENDENCY_UNAVAILABLE"
    finally:
        liar.is_down = False
    wait_until(lambda: _logs_in(asking, liar))


def test_the_keys_of_another_verify_nothing(asking: Running, liar: Provider, other: Provider) -> None:
    liar.lie = at(KEYS, **other.published())
    try:
        assert refused(lambda: asking.exchange(liar.assertion())).reason == "ASSERTION_INVALID"
        forged = other.sign(liar.claims())
        assert asking.exchange(forged).access_token, "whoever holds a provider's address and certificate is the provider"
    finally:
        liar.lie = None
    assert refused(lambda: asking.exchange(other.assertion())).reason == "ASSERTION_INVALID"
    assert refused(lambda: asking.exchange(other.sign(liar.claims()))).reason == "ASSERTION_INVALID"


def test_a_new_key_is_taken_up_and_one_taken_back_ends(asking: Running, liar: Provider) -> None:
    """Key rotation at the provider, seen by an identity that keeps keys for a moment."""
    before, old = liar.assertion(), liar.keys["ec"]
    liar.keys["new"] = ECKey.generate_key("P-256")
    assert asking.exchange(liar.sign(liar.claims(), kid="new")).access_token
    assert asking.exchange(before).access_token
    last = liar.assertion()
    del liar.keys["ec"]
    try:
        assert refused(lambda: asking.exchange(last)).reason == "ASSERTION_INVALID"
        assert asking.exchange(liar.sign(liar.claims(), kid="new")).access_token
    finally:
        liar.keys["ec"] = old


def test_a_new_key_is_taken_up_by_an_identity_that_keeps_keys(start: Start, liar: Provider) -> None:
    """Within `provider_keys_every`, and without a flood of questions."""
    with start("identity_keeping", professional_issuers=json.dumps([liar.issuer]), provider_keys_every="PT0.5S") as keeping:
        assert keeping.exchange(liar.assertion()).access_token
        liar.keys["newer"] = ECKey.generate_key("P-256")
        before = liar.fetches

        def is_taken() -> bool:
            try:
                return bool(keeping.exchange(liar.sign(liar.claims(), kid="newer")).access_token)
            except grpc.RpcError:
                return False

        wait_until(is_taken)
        assert liar.fetches - before <= 2


def _logs_in(identity: Running, provider: Provider) -> bool:
    try:
        return bool(identity.exchange(provider.assertion()).access_token)
    except grpc.RpcError:
        return False
