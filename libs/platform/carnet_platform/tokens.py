"""User tokens: verified once, remembered by their digest until they end.

A token is a JWT (RFC 7519) signed with ES256 and nothing else, bound to the certificate of its first presenter (RFC 8705). The
public keys come from the service that issues tokens; an unknown key id asks for them again, at most once in ten seconds, so that a
flood of forged tokens does not become a flood of requests.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError, MissingKeyError
from joserfc.jwk import KeySet

from carnet_platform.calls import User
from carnet_platform.clock import Clock
from carnet_platform.errors import Unauthenticated

ISSUER = "carnet-identity"
AUDIENCE = "carnet"
ALGORITHM = "ES256"
LEEWAY_SECONDS = 60
"""Clocks of two services may differ by this much (trial R9)."""
REFETCH_SECONDS = 10.0
FETCH_SECONDS = 2.0
REMEMBERED = 10_000
MAXIMUM_LENGTH = 8_192

FetchKeys = Callable[[], Awaitable[str]]
"""Gives the published keys as a JSON Web Key Set."""


class KeyOfItsOwnError(JoseError):
    """The header of a signed text names a key of its own."""


def signed_claims(token: str, keys: KeySet) -> Mapping[str, Any]:
    """The claims of a JWT that one of ``keys`` signed, by ES256 and nothing else. Raises ``JoseError``; what they say is not looked at."""
    try:
        decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
    except (ValueError, RecursionError) as error:  # what is no JWT at all
        raise JoseError(str(error)) from None
    # A header may not bring its own key or point to one: only the published keys count.
    if {"jwk", "jku", "x5c", "x5u"} & set(decoded.header):
        raise KeyOfItsOwnError
    return decoded.claims


class NotSignedError(Exception):
    """No key of the set signed this text."""


def claims_under(token: str, jwks: str) -> Mapping[str, Any]:
    """The claims of a JWT under the keys of a JSON Web Key Set that its issuer published.

    Raises ``NotSignedError``, and ``ValueError`` for what is no JWT signed with ES256. What the claims say is not looked at.
    """
    if len(token) > MAXIMUM_LENGTH:
        raise ValueError("is too long")
    try:
        return signed_claims(token, KeySet.import_key_set(json.loads(jwks)))
    except (BadSignatureError, InvalidKeyIdError, MissingKeyError):
        raise NotSignedError from None
    except JoseError:
        raise ValueError("is no JWT signed with ES256") from None


class TokenVerifier:
    """Tells who a token speaks of, or refuses it."""

    def __init__(self, fetch: FetchKeys, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys = KeySet([])
        self._fetched = float("-inf")
        self._fetching = asyncio.Lock()
        self._known: OrderedDict[str, User] = OrderedDict()

    async def verify(self, token: str) -> User:
        """The user of ``token``. Raises ``Unauthenticated`` TOKEN_INVALID or TOKEN_EXPIRED."""
        if len(token) > MAXIMUM_LENGTH:
            raise Unauthenticated("TOKEN_INVALID", "the token is too long")
        digest = hashlib.sha256(token.encode()).hexdigest()
        user = self._known.get(digest)
        if user is None:
            user = self._user(token, digest, await self._claims(token))
            self._remember(digest, user)
        if user.expire_time.timestamp() + LEEWAY_SECONDS <= self._clock.now().timestamp():
            self._known.pop(digest, None)
            raise Unauthenticated("TOKEN_EXPIRED", "the token has expired")
        return user

    def _remember(self, digest: str, user: User) -> None:
        self._known[digest] = user
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            try:
                return signed_claims(token, self._keys)
            except KeyOfItsOwnError:
                raise
            except JoseError:
                await self._refetch()
            return signed_claims(token, self._keys)
        except KeyOfItsOwnError:
            raise Unauthenticated("TOKEN_INVALID", "the token's header names a key of its own") from None
        except JoseError:
            raise Unauthenticated("TOKEN_INVALID", "the token is not signed by a published key") from None

    async def _refetch(self) -> None:
        """Have keys that are at most ten seconds old; who comes while they are being fetched waits for the same answer."""
        async with self._fetching:
            if self._clock.boottime() - self._fetched < REFETCH_SECONDS:
                return
            async with asyncio.timeout(FETCH_SECONDS):
                keys = await self._fetch()
            self._keys = KeySet.import_key_set(json.loads(keys))
            self._fetched = self._clock.boottime()

    def _user(self, token: str, digest: str, claims: Mapping[str, Any]) -> User:
        now = self._clock.now().timestamp()
        if claims.get("iss") != ISSUER or claims.get("aud") != AUDIENCE:
            raise Unauthenticated("TOKEN_INVALID", "the token is of another issuer or audience")
        try:
            expires, not_before = float(claims["exp"]), float(claims["nbf"])
            user = User(
                subject=_text(claims, "sub"),
                role=_text(claims, "role"),
                specialty=str(claims.get("spec", "")),
                organisation=str(claims.get("org", "")),
                purpose=_text(claims, "purpose"),
                session=_text(claims, "sid"),
                software=_text(claims["act"], "sub"),
                presenter=_text(claims["cnf"], "x5t#S256"),
                token=token,
                token_digest=digest,
                expire_time=datetime.fromtimestamp(expires, UTC),
                claims=claims,
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Unauthenticated("TOKEN_INVALID", "the token lacks a claim") from None
        if not_before - LEEWAY_SECONDS > now:
            raise Unauthenticated("TOKEN_EXPIRED", "the token is not valid yet")
        return user


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    return value
