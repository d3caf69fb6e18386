"""Exchanges the caller's own certificate for a token: of the structure or system it stands for, or of a user whom that structure names.

1. The certificate stands for a structure of the directory.
2. Without a user the token is the structure's own: it writes and never reads (purposes.toml).
3. With one (indirect authentication, domain.md 1.2; rules.md 11) the certificate must be one that may name users; the structure has
   authenticated the user itself, just now; and the directory knows an activity of the user in that very structure. The token is the
   professional's, and says in every event that the structure vouched for her. Naming nobody properly is refused, never taken for 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from carnet_platform.calls import Caller
from carnet_platform.errors import Denied

from carnet_identity.domain.asserted_user import AssertedUser
from carnet_identity.domain.purposes import PurposeTable
from carnet_identity.domain.systems import System
from carnet_identity.usecases.exchange_assertion import Users
from carnet_identity.usecases.open_session import OpenedSession, Opening, OpenSession
from carnet_identity.usecases.ports import Directory


class ExchangeCertificate:
    """The use case."""

    def __init__(
        self, systems: Mapping[str, System], directory: Directory, users: Users, purposes: PurposeTable, open_session: OpenSession
    ) -> None:
        self._systems = systems
        self._directory = directory
        self._users = users
        self._purposes = purposes
        self._open_session = open_session

    async def __call__(self, purpose: str, caller: Caller, user: AssertedUser | None = None) -> OpenedSession:
        """The opened session.

        Raises:
            Denied: USER_UNKNOWN, when the certificate stands for nothing, its structure is not in the directory, or the user has no
                activity there; ROLE_NOT_ALLOWED, when it may not name users.
            BrokenRule: PURPOSE_NOT_ALLOWED.
        """
        system = self._systems.get(caller.name)
        structure = await self._directory.structure_by_finess(system.finess) if system else None
        if system is None or structure is None:
            raise Denied("USER_UNKNOWN", "this certificate stands for no structure of the directory")
        if user is None:
            opening = Opening(subject=structure.name, role=system.role, organisation=structure.name, purpose=purpose)
        elif system.asserts_users:
            known = await self._users.professional(user.rpps, purpose, structure.name)
            opening = replace(known, asserted_by=structure.name, authentication=user.authentication)
        else:
            raise Denied("ROLE_NOT_ALLOWED", "this certificate may not name users")
        self._purposes.check(opening.role, purpose)
        return await self._open_session(opening, caller)
