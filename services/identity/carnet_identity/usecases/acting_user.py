"""Who may use the registry of persons: a named professional, neither whose session nor who himself was withdrawn here.

The other services ask consent, which knows every withdrawal. Identity answers from its own store and looks for itself: at the session,
and at whatever the session names that was withdrawn here (`domain/token_names.py`), whether or not consent was told. A use case looks
twice, before it works and again when its event is durable, with nothing awaited between the second look and the answer.

A stop lasts longer than a token: no session is opened under one (`open_session.py`), so the withdrawal that began it is enough here.

What remains: the two reads of a look are of the majority, so a primary deposed at that instant may answer them from just before.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from carnet_platform.calls import User, current_call, current_user
from carnet_platform.errors import Denied, Unauthenticated
from carnet_platform.identifiers import parse_name

from carnet_identity.domain.token_names import names_of
from carnet_identity.usecases.ports import SessionReader, WithdrawalReader


@dataclass(frozen=True, slots=True)
class ActingUser:
    """Looks who acts in the call in hand."""

    sessions: SessionReader
    due: WithdrawalReader

    async def professional(self) -> User:
        """The professional of the call, who may act now.

        Raises:
            Unauthenticated: TOKEN_MISSING or SESSION_WITHDRAWN.
            Denied: ROLE_NOT_ALLOWED, for everybody else.
        """
        user = current_user()
        if not user.subject.startswith("professionals/"):
            raise Denied("ROLE_NOT_ALLOWED", "the registry of persons is for named professionals")
        return await self.somebody()

    async def somebody(self) -> User:
        """Whoever is the user of the call, and may act now; which roles may is the use case's to say.

        Raises:
            Unauthenticated: TOKEN_MISSING or SESSION_WITHDRAWN.
        """
        user = current_user()
        session, is_withdrawn = await asyncio.gather(
            self.sessions.find(parse_name(user.session, "sessions/*", "sid")[0]), self.due.is_any_withdrawn(_names(user))
        )
        if session is None or session.revoke_time is not None or is_withdrawn:
            raise Unauthenticated("SESSION_WITHDRAWN", "the session was withdrawn")
        return user


def _names(user: User) -> tuple[str, ...]:
    caller = current_call().caller
    return names_of(
        session=user.session,
        subject=user.subject,
        organisation=user.organisation,
        mandate=str(user.claims.get("mandate", "")),
        certificates=(user.presenter, caller.thumbprint),
        callers=(user.software, caller.name),
    )
