"""A small OpenID Connect provider for development: real protocol, invented people, no password at all.

It asserts anybody to anybody on this machine, so it listens on 127.0.0.1 alone and production never trusts its issuer. Two ways in:

1. authorization code (RFC 6749 4.1) with PKCE (RFC 7636, S256 required): `/authorize` shows the people, a click chooses one;
2. for tests and the demo, a direct grant: POST `/token` with `grant_type=urn:carnet:development:direct` and `user=alice`, or
   `ins=` the test INS of a patient who has no account here.

Either ends in an id_token: ES256, `aud` "carnet", five minutes, a `jti` of its own. Its claims follow Pro Santé Connect for
professionals (`preferred_username` is the IDNPS: 8 and the RPPS); for patients `ins` and `ins_authority` name the INS.
"""

import argparse
import base64
import hashlib
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from carnet_dev.login_page import login_page
from carnet_dev.people import Account, accounts
from carnet_dev.ports import LOOPBACK

CLIENT_ID = "carnet"
DIRECT_GRANT = "urn:carnet:development:direct"
ID_TOKEN_SECONDS = 300
TEST_INS_AUTHORITY = "1.2.250.1.213.1.4.10"
CODE_SECONDS = 60
_LOOPBACK_NAMES = frozenset({LOOPBACK, "localhost"})


class ProtocolError(Exception):
    """A request that OAuth 2.0 refuses; `error` is its code (RFC 6749 4.1.2.1, 5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass(frozen=True)
class Login:
    """What an authorization code stands for, once."""

    account: Account
    redirect_uri: str
    nonce: str
    challenge: str
    expires: float


class IdentityProvider:
    """The provider's decisions, apart from HTTP. `now` gives seconds since 1970."""

    def __init__(self, issuer: str, key: ECKey, people: Mapping[str, Account], now: Callable[[], float] = time.time) -> None:
        self.issuer = issuer
        self.people = people
        self._key = key
        self._now = now
        self._logins: dict[str, Login] = {}

    def jwks(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set."""
        return {"keys": [{**self._key.as_dict(private=False), "kid": self._kid(), "use": "sig", "alg": "ES256"}]}

    def check_authorization(self, query: Mapping[str, str]) -> None:
        """Raise ProtocolError unless the request may be shown a login page."""
        if query.get("client_id") != CLIENT_ID:
            raise ProtocolError("unauthorized_client", f"the only client is {CLIENT_ID}")
        if urlsplit(query.get("redirect_uri", "")).hostname not in _LOOPBACK_NAMES:
            raise ProtocolError("invalid_request", "redirect_uri must be on this machine")
        if query.get("response_type") != "code":
            raise ProtocolError("unsupported_response_type", "response_type must be code")
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            raise ProtocolError("invalid_request", "PKCE with S256 is required")

    def log_in(self, query: Mapping[str, str], user: str) -> str:
        """The address to send the browser to, with a code good for one minute and one use."""
        self.check_authorization(query)
        code = secrets.token_urlsafe(32)
        expires = self._now() + CODE_SECONDS
        self._logins = {known: login for known, login in self._logins.items() if login.expires > self._now()}
        self._logins[code] = Login(self._account(user), query["redirect_uri"], query.get("nonce", ""), query["code_challenge"], expires)
        answer = {"code": code} | ({"state": query["state"]} if "state" in query else {})
        separator = "&" if urlsplit(query["redirect_uri"]).query else "?"
        return f"{query['redirect_uri']}{separator}{urlencode(answer)}"

    def token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The answer of the token endpoint. Raises ProtocolError."""
        grant = form.get("grant_type")
        if grant == DIRECT_GRANT:
            return self._answer(_anyone(form) if "ins" in form else self._account(form.get("user", "")), "")
        if grant != "authorization_code":
            raise ProtocolError("unsupported_grant_type", "grant_type must be authorization_code")
        login = self._logins.pop(form.get("code", ""), None)
        if login is None or login.expires <= self._now() or login.redirect_uri != form.get("redirect_uri"):
            raise ProtocolError("invalid_grant", "the code is unknown, used, expired or for another redirect_uri")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if form.get("client_id") != CLIENT_ID or not secrets.compare_digest(challenge, login.challenge):
            raise ProtocolError("invalid_grant", "the code is another client's")
        return self._answer(login.account, login.nonce)

    def _account(self, user: str) -> Account:
        if user not in self.people:
            raise ProtocolError("invalid_grant", f"there is no {user!r}; there are {', '.join(sorted(self.people))}")
        return self.people[user]

    def _answer(self, account: Account, nonce: str) -> dict[str, Any]:
        now = int(self._now())
        lifetime = {"iat": now, "nbf": now, "exp": now + ID_TOKEN_SECONDS, "auth_time": now}
        subject = hashlib.sha256(account.user.encode()).hexdigest()[:32]
        claims = {**account.claims, **lifetime, "iss": self.issuer, "aud": CLIENT_ID, "sub": subject, "jti": secrets.token_urlsafe(16)}
        if nonce:
            claims["nonce"] = nonce
        token = jwt.encode({"alg": "ES256", "kid": self._kid(), "typ": "JWT"}, claims, self._key, algorithms=["ES256"])
        # OpenID Connect wants an access token too; this one opens nothing.
        return {"id_token": token, "access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": ID_TOKEN_SECONDS}

    def _kid(self) -> str:
        return self._key.thumbprint()


def _anyone(form: Mapping[str, str]) -> Account:
    """A patient who has no account here, by her test INS."""
    return Account(form["ins"], "", {"ins": form["ins"], "ins_authority": form.get("ins_authority", TEST_INS_AUTHORITY)})


def application(provider: IdentityProvider) -> Starlette:
    """The provider over HTTP."""

    async def discovery(_: Request) -> Response:
        return JSONResponse(
            {
                "issuer": provider.issuer,
                "authorization_endpoint": f"{provider.issuer}/authorize",
                "token_endpoint": f"{provider.issuer}/token",
                "jwks_uri": f"{provider.issuer}/jwks",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", DIRECT_GRANT],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["openid"],
                "token_endpoint_auth_methods_supported": ["none"],
            },
        )

    async def jwks(_: Request) -> Response:
        return JSONResponse(provider.jwks())

    async def authorize(request: Request) -> Response:
        if request.method == "POST":
            address = provider.log_in(request.query_params, (await _form(request)).get("user", ""))
            return RedirectResponse(address, status_code=303)
        provider.check_authorization(request.query_params)
        return HTMLResponse(login_page(provider.people.values()))

    async def token(request: Request) -> Response:
        return JSONResponse(provider.token(await _form(request)), headers={"cache-control": "no-store"})

    async def refuse(_: Request, error: Exception) -> Response:
        code = error.error if isinstance(error, ProtocolError) else "server_error"
        return JSONResponse({"error": code, "error_description": str(error)}, status_code=400)

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/jwks", jwks),
            Route("/authorize", authorize, methods=["GET", "POST"]),
            Route("/token", token, methods=["POST"]),
        ],
        exception_handlers={ProtocolError: refuse},
    )


async def _form(request: Request) -> dict[str, str]:
    """The fields of an urlencoded body."""
    return dict(parse_qsl((await request.body()).decode()))


def main() -> None:
    """Serve on 127.0.0.1 until SIGTERM: `python -m carnet_dev.identity_provider --port 7110 --key FILE [--people FILE]`."""
    parser = argparse.ArgumentParser(description="OpenID Connect provider for development")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", type=Path, required=True, help="private key on P-256, PEM")
    parser.add_argument("--people", type=Path, help="accounts as JSON; default: the invented people of the story")
    options = parser.parse_args()
    people = accounts(options.people) if options.people else accounts()
    provider = IdentityProvider(f"http://{LOOPBACK}:{options.port}", ECKey.import_key(options.key.read_text()), people)
    # uvicorn stops gracefully and raises the signal again: an end that was asked for is a clean one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(application(provider), host=LOOPBACK, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
