"""The keys of the identity providers we trust, and the check of a signature under them (OpenID Connect discovery, RFC 7517).

Promises that only a key published by a trusted issuer counts: the header of an assertion may neither bring a key nor point to one
(`jwk`, `jku`, `x5c`, `x5u`), the algorithm is one of the pinned ones and must be that of the key's kind, and symmetric keys are never
taken, so that a public key cannot be used as a secret. Keys are kept for an hour, so that one the provider takes back ends by then; an
unknown `kid` asks for them anew, at most once in ten seconds, so that a new key is taken up and a flood of forged assertions is not a
flood of requests. No redirect is followed, nothing is unpacked, and all answers together are bounded in size and time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import structlog
from carnet_platform.clock import Clock
from carnet_platform.errors import Unauthenticated, Unavailable
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from carnet_identity.domain.assertion import VerifiedAssertion

LONGEST_ASSERTION = 8_192
_LONGEST_ANSWER = 262_144
_SMALLEST_RSA_BITS = 2048
_RETRY = timedelta(seconds=1)
_DISCOVERY = "/.well-known/openid-configuration"
_KIND_OF_ALGORITHM = {"ES256": ("EC", "P-256"), "RS256": ("RSA", None), "PS256": ("RSA", None)}
_KEY_IN_HEADER = frozenset({"jwk", "jku", "x5c", "x5u"})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTimes:
    """When an identity provider is asked for its keys."""

    kept: timedelta
    """How long keys are used without asking again."""
    asked_every: timedelta
    """How long to wait before an unknown key asks for them once more."""
    patience: timedelta
    """How long a provider may take to give them."""


@dataclass(slots=True)
class _Provider:
    keys: Mapping[str, ECKey | RSAKey] = field(default_factory=dict)
    fetched: float = float("-inf")
    failed: float = float("-inf")
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class ProviderSignatures:
    """Implements the port `AssertionSignatures`."""

    def __init__(
        self,
        issuers: frozenset[str],
        algorithms: frozenset[str],
        http: httpx.AsyncClient,
        clock: Clock,
        times: KeyTimes,
        *,
        is_plain_http_allowed: bool,
    ) -> None:
        self._providers = {issuer: _Provider() for issuer in issuers}
        self._algorithms = algorithms
        self._http = http
        self._clock = clock
        self._times = times
        self._schemes = {"https", "http"} if is_plain_http_allowed else {"https"}

    async def verify(self, assertion: str) -> VerifiedAssertion:
        """The claims of an assertion whose signature holds.

        Raises:
            Unauthenticated: ASSERTION_INVALID.
            Unavailable: DEPENDENCY_UNAVAILABLE, when the issuer's keys cannot be had.
        """
        header, claims = _parts(assertion)
        algorithm, kid, issuer = header.get("alg"), header.get("kid"), claims.get("iss")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise _invalid("the assertion is signed with another algorithm than those agreed on")
        if _KEY_IN_HEADER & set(header) or "crit" in header:
            raise _invalid("the header of the assertion names a key of its own or an extension")
        if not isinstance(header.get("typ", "JWT"), str) or header.get("typ", "JWT").upper() != "JWT":
            # RFC 8725 3.11: an access token (at+jwt) or a logout token (logout+jwt) of the same provider is no assertion.
            raise _invalid("the header of the assertion is that of another kind of token")
        if not isinstance(kid, str) or not isinstance(issuer, str) or issuer not in self._providers:
            raise _invalid("the issuer is not trusted, or the key is not named")
        key = await self._key(issuer, kid)
        if key is None or not _fits(key, algorithm):
            raise _invalid("the assertion is not signed with a published key")
        try:
            signed = jws.deserialize_compact(assertion, key, algorithms=[algorithm])
            claims = _object(signed.payload)
        except (JoseError, ValueError):
            raise _invalid("the signature of the assertion does not hold") from None
        return VerifiedAssertion(issuer, claims, hashlib.sha256(assertion.rpartition(".")[0].encode()).hexdigest())

    async def _key(self, issuer: str, kid: str) -> ECKey | RSAKey | None:
        provider = self._providers[issuer]
        now = self._clock.boottime()
        is_stale = now - provider.fetched > self._times.kept.total_seconds()
        may_ask_again = kid not in provider.keys and now - provider.fetched > self._times.asked_every.total_seconds()
        if is_stale or may_ask_again:
            async with provider.turn:
                # Whoever waited for the turn finds the keys that the one before fetched.
                if provider.fetched < now:
                    await self._fetch(issuer, provider)
        return provider.keys.get(kid)

    async def _fetch(self, issuer: str, provider: _Provider) -> None:
        now = self._clock.boottime()
        if now - provider.failed < _RETRY.total_seconds():
            raise _unavailable()
        try:
            async with asyncio.timeout(self._times.patience.total_seconds()):
                provider.keys = await self._published(issuer)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError, TimeoutError) as error:
            provider.failed = self._clock.boottime()
            _log.warning("identity_provider.unusable", issuer=issuer, kind=type(error).__name__)
            raise _unavailable() from None
        provider.fetched = self._clock.boottime()

    async def _published(self, issuer: str) -> Mapping[str, ECKey | RSAKey]:
        configuration = await self._get(issuer.rstrip("/") + _DISCOVERY)
        if configuration.get("issuer") != issuer:
            raise ValueError("the provider speaks for another issuer")
        return _read_keys(await self._get(str(configuration.get("jwks_uri", ""))))

    async def _get(self, url: str) -> Mapping[str, Any]:
        if httpx.URL(url).scheme not in self._schemes:
            raise ValueError("a provider is asked over TLS")
        # Nothing is unpacked: a small answer could hold a large one.
        async with self._http.stream("GET", url, headers={"accept-encoding": "identity"}) as answer:
            answer.raise_for_status()
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("a provider's answer is packed")
            body = b""
            async for part in answer.aiter_raw():
                body += part
                if len(body) > _LONGEST_ANSWER:
                    raise ValueError("a provider's answer is too long")
        return _object(body)


def _parts(assertion: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, not yet verified."""
    segments = assertion.split(".")
    if len(assertion) > LONGEST_ASSERTION or len(segments) != 3:  # noqa: PLR2004 - header, claims, signature
        raise _invalid("an assertion is a signed JWT in compact form of at most 8 KiB")
    try:
        header, claims = (_object(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) for text in segments[:2])
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid("an assertion is a signed JWT in compact form") from None
    return header, claims


def _object(text: bytes) -> Mapping[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - what was read is wrong, not our code
    return value


def _read_keys(published: Mapping[str, Any]) -> Mapping[str, ECKey | RSAKey]:
    """The keys that may sign, by `kid`; those of another kind or use, or unreadable, are left out, and so is a `kid` given twice."""
    keys: dict[str, ECKey | RSAKey] = {}
    twice: set[str] = set()
    members = published.get("keys")
    for member in members if isinstance(members, list) else []:
        kid = member.get("kid") if isinstance(member, dict) else None
        if not isinstance(kid, str) or member.get("use", "sig") != "sig" or member.get("kty") not in {"EC", "RSA"} or "d" in member:
            continue
        if kid in keys:
            twice.add(kid)
        try:
            keys[kid] = ECKey.import_key(member) if member["kty"] == "EC" else RSAKey.import_key(member)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return {kid: key for kid, key in keys.items() if kid not in twice}


def _fits(key: ECKey | RSAKey, algorithm: str) -> bool:
    said = key.as_dict(private=False)
    kind, curve = _KIND_OF_ALGORITHM[algorithm]
    if said.get("alg", algorithm) != algorithm or said["kty"] != kind:
        return False
    if isinstance(key, RSAKey):
        return key.public_key.key_size >= _SMALLEST_RSA_BITS
    return said.get("crv") == curve


def _invalid(rule: str) -> Unauthenticated:
    return Unauthenticated("ASSERTION_INVALID", rule, field="assertion")


def _unavailable() -> Unavailable:
    return Unavailable("DEPENDENCY_UNAVAILABLE", "the identity provider does not give its keys", retry_after=timedelta(seconds=1))
