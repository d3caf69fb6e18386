"""Exchanges the caller's own certificate for a token of the structure or system it stands for (indirect authentication)."""

from __future__ import annotations

from collections.abc import Mapping

from carnet_platform.calls import Caller
from carnet_platform.errors import Denied

from carnet_identity.domain.purposes import PurposeTable
from carnet_identity.domain.systems import System
from carnet_identity.usecases.open_session import OpenedSession, Opening, OpenSession
from carnet_identity.usecases.ports import Directory


class ExchangeCertificate:
    """The use case."""

    def __init__(self, systems: Mapping[str, System], directory: Directory, purposes: PurposeTable, open_session: OpenSession) -> None:
        self._systems = systems
        self._directory = directory
        self._purposes = purposes
        self._open_session = open_session

    async def __call__(self, purpose: str, caller: Caller) -> OpenedSession:
        """The opened session.

        Raises:
            Denied: USER_UNKNOWN, when the certificate stands for nothing or its structure is not in the directory.
            BrokenRule: PURPOSE_NOT_ALLOWED.
        """
        system = self._systems.get(caller.name)
        structure = await self._directory.structure_by_finess(system.finess) if system else None
        if system is None or structure is None:
            raise Denied("USER_UNKNOWN", "this certificate stands for no structure of the directory")
        self._purposes.check(system.role, purpose)
        opening = Opening(subject=structure.name, role=system.role, organisation=structure.name, purpose=purpose)
        return await self._open_session(opening, caller)
