"""Opens a session and gives its token: the claims every service reads, signed, at most five minutes long, bound to the caller.

Nobody gets one for what an operator has stopped (`stop.py`).

That a session was opened, for whom, how it is known who that is, and through which software is a durable event before the token is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from carnet_platform.calls import Caller, current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import Denied
from carnet_platform.identifiers import new_id
from carnet_platform.tokens import AUDIENCE, ISSUER

from carnet_identity.domain.authentication import NOT_STATED, Authentication
from carnet_identity.domain.session import Session
from carnet_identity.domain.token_names import names_of
from carnet_identity.usecases.events import opened_event
from carnet_identity.usecases.mandated import Mandated
from carnet_identity.usecases.ports import EventRecord, Sessions, Stops, TokenSigner


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
    asserted_by: str = ""
    """`structures/{structure}` that vouches for the user in the place of an identity provider."""
    authentication: Authentication = NOT_STATED
    mandated: Mandated | None = None
    """The mandate under which a person acts for another."""


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session and its token."""

    session: Session
    token: str


class OpenSession:
    """Makes sessions and their tokens."""

    def __init__(
        self, sessions: Sessions, stops: Stops, journal: EventRecord, signer: TokenSigner, clock: Clock, lifetime: timedelta
    ) -> None:
        self._sessions = sessions
        self._stops = stops
        self._journal = journal
        self._signer = signer
        self._clock = clock
        self._lifetime = lifetime

    async def __call__(self, opening: Opening, caller: Caller) -> OpenedSession:
        """The session is durable before its token is given: whoever has a token can revoke it. So is its event.

        Raises:
            Unauthenticated: ASSERTION_REPLAYED, when its assertion has opened a session before.
            Denied: STOPPED, when an operator has stopped anything that the session names.
            Unavailable: EVENT_NOT_DURABLE; nobody has a token of the session then.
        """
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
            expire_time=self._end(opening, now),
            assertion_time=opening.assertion_time,
            assertion_mark=opening.assertion_mark,
        )
        await self._sessions.insert(session)
        await self._check_not_stopped(session, "" if opening.mandated is None else opening.mandated.mandate.name)
        mandate = "" if opening.mandated is None else opening.mandated.mandate.name
        opened = opened_event(session, opening.authentication, current_call(), self._clock.now(), mandate=mandate)
        await self._journal.append(opened)
        return OpenedSession(session, self._signer.sign(_claims(session, opening)))

    async def _check_not_stopped(self, session: Session, mandate: str) -> None:
        # After the session's times were taken and it was stored by a majority: a stop that this look does not see yet was made later than
        # they say, so its withdrawal outlives the token; and a store that is no longer the primary cannot have stored the session.
        names = names_of(
            session=session.name,
            subject=session.subject,
            organisation=session.organisation,
            mandate=mandate,
            certificates=(session.presenter,),
            callers=(session.software,),
        )
        if await self._stops.is_any_stopped(names):
            raise Denied("STOPPED", "an operator has stopped this user, structure, activity or certificate")

    def _end(self, opening: Opening, now: datetime) -> datetime:
        latest = now + self._lifetime
        mandate_end = None if opening.mandated is None else opening.mandated.end
        return latest if mandate_end is None else min(latest, mandate_end)


DISPATCH = "EMERGENCY_DISPATCH"


def _claims(session: Session, opening: Opening) -> dict[str, Any]:
    authentication = opening.authentication
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
        # The software acts, outermost; for a user whom a structure names, the structure stands behind it (RFC 8693 4.1).
        "act": {"sub": session.software} | ({"act": {"sub": opening.asserted_by}} if opening.asserted_by else {}),
        "auth": authentication.by,
        "acr": authentication.level,
        "amr": list(authentication.methods),
        "cnf": {"x5t#S256": session.presenter},
        "jti": new_id(),
        "iat": begins,
        "nbf": begins,
        "exp": int(session.expire_time.timestamp()),
    }
    if session.purpose == DISPATCH:
        # The purpose is open to nobody else (purposes.toml, 4); consent looks for the right itself.
        claims["regulation"] = True
    if opening.mandated is not None:
        claims |= opening.mandated.claims()
    return {name: value for name, value in claims.items() if value not in ("", [])}
