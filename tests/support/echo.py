"""A small gRPC service with no contract of its own, served by the real platform over real mutual TLS."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from carnet_platform.calls import RefusedCall, current_call, current_user
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Denied, InvalidArgument
from carnet_platform.interceptors.identity import thumbprint
from carnet_platform.permits import Permit, release_under
from carnet_platform.platform import Platform
from carnet_platform.server import Served
from carnet_platform.settings import PlatformSettings
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from support.waiting import elapsed

CALLERS = """
["test.Open"]
"spiffe://carnet/documents" = "alone"
["test.Users"]
"spiffe://carnet/portal" = "presents"
"spiffe://carnet/documents" = "forwards"
["test.Closed"]
"spiffe://carnet/consent" = "alone"
"""
Answer = Callable[[bytes, Any], Awaitable[bytes]]


def plain(service: str, unary: dict[str, Any], streams: dict[str, Any] | None = None) -> Served:
    handlers: dict[str, Any] = {name: grpc.unary_unary_rpc_method_handler(method) for name, method in unary.items()}
    handlers |= {name: grpc.unary_stream_rpc_method_handler(method) for name, method in (streams or {}).items()}

    def add(_: object, server: grpc.aio.Server) -> None:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))

    return Served(service, add, object())


@dataclass
class Notes:
    """What the service saw, for the tests to look at."""

    slow: int = 0
    withdrawn: int = 0
    late: int = 0
    renewals: int = 0
    renew: bool = True


class EchoService:
    """Answers in every way a handler can."""

    def __init__(self) -> None:
        self.notes = Notes()
        self.clock = SystemClock()
        self.refused: list[RefusedCall] = []
        """What the hook for refused calls was told."""

    def hear(self, refused: RefusedCall) -> None:
        self.refused.append(refused)
        if refused.reason == "TOKEN_EXPIRED":
            raise RuntimeError("a hook that breaks its promise")

    async def echo(self, request: bytes, _: object) -> bytes:
        return request

    async def who(self, _: bytes, __: object) -> bytes:
        call = current_call()
        return json.dumps({"caller": call.caller.name, "user": call.user.subject if call.user else "", "trace": call.trace_id}).encode()

    async def subject(self, _: bytes, __: object) -> bytes:
        return current_user().subject.encode()

    async def denied(self, _: bytes, __: object) -> bytes:
        raise Denied("ROLE_NOT_ALLOWED", "not you")

    async def wrong(self, _: bytes, __: object) -> bytes:
        raise InvalidArgument("INVALID_FIELD", "must be even", field="number")

    async def broken(self, request: bytes, _: object) -> bytes:
        raise RuntimeError(request.decode())

    async def slow(self, request: bytes, _: object) -> bytes:
        self.notes.slow += 1
        await elapsed(float(request))
        return b""

    def permit(self, seconds: float) -> Permit:
        async def renew() -> Permit | None:
            self.notes.renewals += 1
            return self.permit(seconds) if self.notes.renew else None

        async def withdrawn() -> None:
            self.notes.withdrawn += 1

        async def late() -> None:
            self.notes.late += 1

        usable = timedelta(seconds=seconds)
        return Permit(self.clock, self.clock.boottime(), usable, renew=renew, withdrawn=withdrawn, late=late)

    async def ticks(self, request: bytes, _: object) -> AsyncIterator[bytes]:
        release_under(self.permit(0.1))
        for number in range(int(request)):
            yield b"%d" % number
            await elapsed(0.05)

    async def blocked(self, _: bytes, __: object) -> AsyncIterator[bytes]:
        """Hands over one message and stops the whole loop in the same step, as a suspended process would."""
        release_under(self.permit(0.1))
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        yield b"one"

    async def flood(self, _: bytes, __: object) -> AsyncIterator[bytes]:
        for _number in range(2_000):
            yield b"x" * 65_536

    async def expired(self, _: bytes, __: object) -> bytes:
        release_under(self.permit(0.0))
        return b"never"

    def served(self) -> list[Served]:
        return [
            plain(
                "test.Open",
                {
                    "echo": self.echo,
                    "who": self.who,
                    "wrong": self.wrong,
                    "broken": self.broken,
                    "slow": self.slow,
                    "expired": self.expired,
                },
                {"ticks": self.ticks, "blocked": self.blocked, "flood": self.flood},
            ),
            plain("test.Users", {"subject": self.subject, "denied": self.denied}),
            plain("test.Closed", {"echo": self.echo}),
        ]


class Tokens:
    """Signs user tokens the way identity does, and every wrong way a test asks for."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"})
        self.fetches = 0
        self.is_hung = False

    async def fetch(self) -> str:
        self.fetches += 1
        if self.is_hung:
            await asyncio.Event().wait()
        return json.dumps(KeySet([self.key]).as_dict(private=False))

    def claims(self, certificate: Path, **changes: object) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": "carnet-identity", "aud": "carnet", "sub": "people/a", "sid": "sessions/s", "role": "10", "purpose": "TREATMENT",
            "act": {"sub": "spiffe://carnet/portal"}, "cnf": {"x5t#S256": thumbprint((certificate / "cert.pem").read_bytes())},
            "jti": "j", "iat": now, "nbf": now, "exp": now + 300,
        } | changes  # fmt: skip

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None, key: ECKey | None = None) -> str:
        return jwt.encode({"alg": "ES256", "kid": "k1"} | (header or {}), claims, key or self.key, algorithms=["ES256"])

    def unsigned(self, claims: dict[str, Any]) -> str:
        def part(value: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

        return f"{part({'alg': 'none'})}.{part(claims)}."


async def serve(
    settings: PlatformSettings,
    echo: EchoService,
    tokens: Tokens,
    table: Path,
    started: asyncio.Event,
    *,
    always_traced: frozenset[str] = frozenset(),
) -> None:
    """Run the platform as a service's main does, until cancelled or told to stop."""
    async with Platform("documents", settings) as platform:
        platform.call_by(table)
        platform.always_trace(always_traced)
        platform.trust_tokens(tokens.fetch)
        platform.on_refused_call(echo.hear)
        asyncio.get_running_loop().call_later(0.05, started.set)
        await platform.serve(*echo.served())
