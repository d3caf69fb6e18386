"""An OpenID Connect provider of the test's own: it signs whatever it is told to, with right keys and wrong ones."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

ALICE = "899700366240"
"""IDNPS of Dr Alice UNTEL in the development directory."""


class Provider:
    """Publishes `keys` and signs assertions; `fetches` counts how often its keys were asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, ECKey | RSAKey] = {"ec": ECKey.generate_key("P-256"), "rsa": RSAKey.generate_key(2048)}
        self.stranger = ECKey.generate_key("P-256")
        self.extra_published: list[dict[str, Any]] = []
        self.fetches = 0
        self.is_down = False
        self.lie: Callable[[BaseHTTPRequestHandler], bool] | None = None
        """Answers in the place of this provider; False leaves it the request."""
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def claims(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - claims are JSON
        """Good claims about Alice, with changes; None leaves a claim out, and a timedelta is an instant that far from now."""
        now = int(time.time())
        good = {
            "iss": self.issuer,
            "aud": "carnet",
            "sub": "x",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": secrets.token_urlsafe(16),
            "acr": "eidas2",
            "preferred_username": ALICE,
        }
        stated = {name: value for name, value in {**good, **changes}.items() if value is not None}
        return {name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value for name, value in stated.items()}

    def patient_claims(self, ins: str, authority: str) -> dict[str, Any]:
        """Good claims about a patient."""
        return self.claims(preferred_username=None, ins=ins, ins_authority=authority)

    def sign(self, claims: Mapping[str, Any], *, kid: str = "ec", alg: str = "ES256", **header: Any) -> str:  # noqa: ANN401
        """An assertion signed as it should be."""
        return jwt.encode({"alg": alg, "kid": kid, **header}, dict(claims), self.keys[kid], algorithms=[alg])

    def assertion(self, **changes: Any) -> str:  # noqa: ANN401
        """A good assertion about Alice, with changed claims."""
        return self.sign(self.claims(**changes))

    def signed_by_hand(self, header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes | None) -> str:
        """An assertion whose signature is an HMAC under `secret`, or empty."""
        text = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
        return f"{text}.{_encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()) if secret else ''}"

    def published(self) -> dict[str, Any]:
        """The key set."""
        return {"keys": [{**key.as_dict(private=False), "kid": kid, "use": "sig"} for kid, key in self.keys.items()] + self.extra_published}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        """Discovery and keys."""
        provider = self.provider
        if provider.is_down:
            self.send_error(503)
            return
        if provider.lie is not None and provider.lie(self):
            return
        if self.path == "/jwks":
            provider.fetches += 1
        answers = {
            "/.well-known/openid-configuration": {"issuer": provider.issuer, "jwks_uri": f"{provider.issuer}/jwks"},
            "/jwks": provider.published(),
        }
        body = json.dumps(answers.get(self.path, {})).encode()
        self.send_response(200 if self.path in answers else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the library's names
        """Says nothing."""


def _encode(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
