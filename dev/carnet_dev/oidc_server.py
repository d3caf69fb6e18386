"""The protocol of the development identity provider: Authlib's authorization server, told who may log in.

What is OpenID Connect here is Authlib's: authorization code (RFC 6749 4.1) with PKCE (RFC 7636), nonce, id_token. This module says only
what a server must be told: its one client, which people there are, where codes are kept (in memory), which keys sign, and how a
request of Starlette reads. Refused besides what Authlib refuses: a login without PKCE by S256, a redirect off this machine.

Authlib ships no types, so its classes are of any type to mypy.
"""

import hashlib
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2 import AuthorizationServer  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Payload, OAuth2Request  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.errors import InvalidRequestError  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant  # type: ignore[import-untyped]
from authlib.oauth2.rfc6750 import BearerTokenGenerator  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import CodeChallenge  # type: ignore[import-untyped]
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode  # type: ignore[import-untyped]
from joserfc.jwk import ECKey
from starlette.responses import JSONResponse, Response

from carnet_dev.people import Account
from carnet_dev.ports import LOOPBACK

CLIENT_ID = "carnet"
ALGORITHM = "ES256"
ID_TOKEN_SECONDS = 300
CODE_SECONDS = 60
_LOOPBACK_NAMES = frozenset({LOOPBACK, "localhost"})


class Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """Carnet, the only client: public, with any address of this machine to come back to."""

    id_token_signed_response_alg = ALGORITHM

    def get_client_id(self) -> str:
        """Its name here."""
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str | None:
        """None: a request names it."""
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        """Every login is OpenID Connect."""
        return "openid" if "openid" in (scope or "").split() else ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether it leads to this machine."""
        return urlsplit(redirect_uri).hostname in _LOOPBACK_NAMES

    def check_client_secret(self, client_secret: str) -> bool:
        """A public client has none."""
        del client_secret
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Public."""
        del endpoint
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        """Codes only."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Codes only."""
        return grant_type == "authorization_code"


@dataclass(frozen=True)
class Login(AuthorizationCodeMixin):  # type: ignore[misc]
    """What an authorization code stands for, once."""

    code: str
    account: Account
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    login_time: int
    """In seconds since 1970."""

    def get_redirect_uri(self) -> str:
        """Where the code was sent."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What was asked for."""
        return self.scope

    def get_nonce(self) -> str:
        """What the software sent, empty for none."""
        return self.nonce

    def get_auth_time(self) -> int:
        """When the person chose herself."""
        return self.login_time

    def get_acr(self) -> str | None:
        """How surely."""
        acr: str | None = self.account.claims.get("acr")
        return acr

    def get_amr(self) -> list[str] | None:
        """By what."""
        amr: list[str] | None = self.account.claims.get("amr")
        return amr


class Logins:
    """The codes that are good now."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._logins: dict[str, Login] = {}
        self._now = now

    def keep(self, login: Login) -> None:
        """Keeps one; what is over goes."""
        self._logins = {code: one for code, one in self._logins.items() if self._is_good(one)} | {login.code: login}

    def find(self, code: str) -> Login | None:
        """The login of a code that is still good."""
        login = self._logins.get(code)
        return login if login is not None and self._is_good(login) else None

    def forget(self, code: str) -> None:
        """It was used."""
        self._logins.pop(code, None)

    def _is_good(self, login: Login) -> bool:
        return self._now() < login.login_time + CODE_SECONDS


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: Sequence[str] = ("none",)

    def save_authorization_code(self, code: str, request: Any) -> None:  # noqa: ANN401  # an OAuth2Request
        data = request.payload.data
        self.server.logins.keep(
            Login(
                code=code,
                account=request.user,
                redirect_uri=data["redirect_uri"],
                scope=request.scope,
                nonce=data.get("nonce", ""),
                code_challenge=data["code_challenge"],
                code_challenge_method=data["code_challenge_method"],
                login_time=int(self.server.now()),
            )
        )

    def query_authorization_code(self, code: str, client: Client) -> Login | None:
        del client  # there is one
        login: Login | None = self.server.logins.find(code)
        return login

    def delete_authorization_code(self, authorization_code: Login) -> None:
        self.server.logins.forget(authorization_code.code)

    def authenticate_user(self, authorization_code: Login) -> Account:
        return authorization_code.account


class _Sha256Challenge(CodeChallenge):  # type: ignore[misc]
    SUPPORTED_CODE_CHALLENGE_METHOD: Sequence[str] = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:  # noqa: ANN401  # a grant
        if grant.request.payload.data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with S256 is required", redirect_uri=redirect_uri)
        super().validate_code_challenge(grant, redirect_uri)


class _IdToken(OpenIDCode):  # type: ignore[misc]
    def __init__(self, server: "OidcServer") -> None:
        super().__init__(require_nonce=False)
        self._server = server

    def exists_nonce(self, nonce: str, request: Any) -> bool:  # noqa: ANN401  # an OAuth2Request
        del nonce, request
        return False

    def resolve_client_private_key(self, client: Client) -> ECKey:
        del client
        return self._server.keys[0]

    def get_encode_header(self, client: Client) -> dict[str, str]:
        del client
        return {"alg": ALGORITHM, "kid": self._server.keys[0].thumbprint(), "typ": "JWT"}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        now = int(self._server.now())
        lifetime = {"iat": now, "nbf": now, "exp": now + ID_TOKEN_SECONDS}
        return {"iss": self._server.issuer, "aud": client.get_client_id(), "jti": secrets.token_urlsafe(16), **lifetime}

    def generate_user_info(self, user: Account, scope: str) -> dict[str, Any]:
        del scope
        return {**user.claims, "sub": hashlib.sha256(user.user.encode()).hexdigest()[:32]}


class OidcServer(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server for these people. `keys` are private keys on P-256: the first signs, all are published; they may be replaced.

    `now` gives seconds since 1970.
    """

    def __init__(self, issuer: str, keys: Sequence[ECKey], people: Mapping[str, Account], now: Callable[[], float] = time.time) -> None:
        super().__init__(scopes_supported=["openid"])
        self.issuer = issuer
        self.keys = keys
        self.people = people
        self.now = now
        self.logins = Logins(now)
        self.register_token_generator("default", BearerTokenGenerator(_secret, expires_generator=_lifetime))
        self.register_grant(_CodeGrant, [_Sha256Challenge(required=True), _IdToken(self)])

    def query_client(self, client_id: str) -> Client | None:
        """The one client."""
        return Client() if client_id == CLIENT_ID else None

    def save_token(self, token: Mapping[str, Any], request: Any) -> None:  # noqa: ANN401  # Authlib's signature
        """Nothing: the access token opens nothing here."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Authlib's signature
        """Nobody listens."""

    def create_oauth2_request(self, request: "FormRequest") -> "FormRequest":
        """The request as it came."""
        return request

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Response:  # noqa: ANN401  # JSON or text
        """An answer of Starlette."""
        kind = partial(JSONResponse, body) if isinstance(body, dict) else partial(Response, body)
        return kind(status_code=status, headers=dict(headers))

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set."""
        return {
            "keys": [{**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM} for key in self.keys],
        }


class FormRequest(OAuth2Request):  # type: ignore[misc]
    """A request with its parameters, of the address at /authorize and of the body at /token."""

    def __init__(self, method: str, issuer: str, parameters: Sequence[tuple[str, str]]) -> None:
        super().__init__(method, issuer)
        self.payload = _Parameters(parameters)

    @property
    def args(self) -> dict[str, str]:
        """The parameters."""
        return dict(self.payload.data)

    @property
    def form(self) -> dict[str, str]:
        """The parameters."""
        return dict(self.payload.data)


class _Parameters(OAuth2Payload):  # type: ignore[misc]
    def __init__(self, parameters: Sequence[tuple[str, str]]) -> None:
        self._data = dict(parameters)
        self._lists: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in parameters:
            self._lists[name].append(value)

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._lists


def _secret(**_: object) -> str:
    return secrets.token_urlsafe(16)


def _lifetime(client: Client, grant_type: str) -> int:
    del client, grant_type
    return ID_TOKEN_SECONDS
