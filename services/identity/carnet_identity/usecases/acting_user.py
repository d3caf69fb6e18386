"""Who may use the registry of persons: a named professional whose session has not been withdrawn.

The other services ask consent, which knows every withdrawal; identity keeps the sessions and looks for itself.
"""

from __future__ import annotations

from carnet_platform.calls import User, current_user
from carnet_platform.errors import Denied, Unauthenticated
from carnet_platform.identifiers import parse_name

from carnet_identity.usecases.ports import Sessions


async def acting_professional(sessions: Sessions) -> User:
    """The professional of the call in hand.

    Raises:
        Unauthenticated: TOKEN_MISSING or SESSION_WITHDRAWN.
        Denied: ROLE_NOT_ALLOWED, for everybody else.
    """
    user = current_user()
    if not user.subject.startswith("professionals/"):
        raise Denied("ROLE_NOT_ALLOWED", "the registry of persons is for named professionals")
    session = await sessions.find(parse_name(user.session, "sessions/*", "sid")[0])
    if session is None or session.revoke_time is not None:
        raise Unauthenticated("SESSION_WITHDRAWN", "the session was withdrawn")
    return user
