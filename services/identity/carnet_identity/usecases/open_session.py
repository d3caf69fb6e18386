"""Opens a session and gives its token: the claims every service reads, signed, at most five minutes long, bound to the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from carnet_platform.calls import Caller
from carnet_platform.clock import Clock
from carnet_platform.identifiers import new_id
from carnet_platform.tokens import AUDIENCE, ISSUER

from carnet_identity.domain.session import Session
from carnet_identity.usecases.ports import Sessions, TokenSigner


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """For whom a session is opened; resource names and codes."""

    subject: str
    role: str
    organisation: str = ""
    specialty: str = ""
    purpose: str
    assertion_time: datetime | None = None
    assertion_mark: bytes | None = None


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session and its token."""

    session: Session
    token: str


class OpenSession:
    """Makes sessions and their tokens."""

    def __init__(self, sessions: Sessions, signer: TokenSigner, clock: Clock, lifetime: timedelta) -> None:
        self._sessions = sessions
        self._signer = signer
        self._clock = clock
        self._lifetime = lifetime

    async def __call__(self, opening: Opening, caller: Caller) -> OpenedSession:
        """The session is durable before its token is given: whoever has a token can revoke it."""
        # Whole seconds, as in the token.
        now = self._clock.now().replace(microsecond=0)
        session = Session(
            id=new_id(),
            subject=opening.subject,
            role=opening.role,
            organisation=opening.organisation,
            purpose=opening.purpose,
            specialty=opening.specialty,
            software=caller.name,
            presenter=caller.thumbprint,
            begin_time=now,
            expire_time=now + self._lifetime,
            assertion_time=opening.assertion_time,
            assertion_mark=opening.assertion_mark,
        )
        await self._sessions.insert(session)
        return OpenedSession(session, self._signer.sign(_claims(session)))


DISPATCH = "EMERGENCY_DISPATCH"


def _claims(session: Session) -> dict[str, Any]:
    begins = int(session.begin_time.timestamp())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": session.subject,
        "sid": session.name,
        "role": session.role,
        "spec": session.specialty,
        "org": session.organisation,
        "purpose": session.purpose,
        "act": {"sub": session.software},
        "cnf": {"x5t#S256": session.presenter},
        "jti": new_id(),
        "iat": begins,
        "nbf": begins,
        "exp": int(session.expire_time.timestamp()),
    }
    if session.purpose == DISPATCH:
        # The purpose is open to nobody else (purposes.toml, 4); consent looks for the right itself.
        claims["regulation"] = True
    return {name: value for name, value in claims.items() if value != ""}
