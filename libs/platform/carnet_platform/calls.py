"""Who is calling, for whom: what the interceptors learned about the call in hand.

The call lives in a context variable set by the interceptors, so that use cases need no gRPC object. Outside a call, asking for it
is a programming error.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from carnet_platform.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """The software at the other end of the connection, by its certificate."""

    name: str
    """The one URI name of the certificate, e.g. ``spiffe://carnet/portal``."""
    thumbprint: str
    """base64url SHA-256 of the certificate, as in ``cnf`` of a bound token (RFC 8705)."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, as the verified token says."""

    subject: str
    """Resource name of the person or organisation."""
    role: str
    """What the user is: a code of the directory."""
    specialty: str
    """Finer code, empty for none."""
    organisation: str
    """Resource name of the organisation acted for, empty for none."""
    purpose: str
    """Why the user acts."""
    session: str
    """Resource name of the session, for revoking."""
    software: str
    """URI name of the software the token was issued to."""
    presenter: str
    """Thumbprint of the certificate the token is bound to."""
    token: str
    """The token itself, to be passed on."""
    token_digest: str
    """SHA-256 of the token, hexadecimal: what caches are keyed by."""
    expire_time: datetime
    """When the token ends."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Every claim, for what is not named above."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call in hand."""

    method: str
    """Full method, ``/package.Service/Method``."""
    request_id: str
    """From the caller's ``x-request-id`` or made here; in every log line and answer."""
    caller: Caller
    user: User | None
    deadline: float | None
    """On the boot-time clock, in seconds, already shaved; ``None`` when the caller set none."""
    trace_id: str
    """32 hexadecimal digits; there is one whether or not the call is traced."""
    traceparent: str
    """W3C trace context to send with the calls that serve this one."""


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A call refused before it was known for whom it was made."""

    method: str
    """Full method, ``/package.Service/Method``."""
    caller: str
    """URI name of the caller's certificate, empty when that is not known either."""
    reason: str
    request_id: str
    trace_id: str

    @property
    def service(self) -> str:
        """``package.Service``."""
        return self.method.split("/")[1]


current: ContextVar[Call] = ContextVar("carnet_call")


def current_call() -> Call:
    """The call in hand. Raises ``LookupError`` outside a call."""
    return current.get()


def current_user() -> User:
    """Who asks. Raises ``Unauthenticated`` TOKEN_MISSING when the call came without a token."""
    user = current.get().user
    if user is None:
        raise Unauthenticated("TOKEN_MISSING", "this call needs a user token")
    return user
