"""The people of the story, each logged in with the software they use, on the system that `make run` started."""

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.identity.v1.directory_service_pb2 import LookupProfessionalRequest, LookupStructureRequest
from carnet_client import Connection, UserSession

from carnet_dev.local_run import LocalRun
from carnet_dev.people import DIRECTORY_FILE, accounts


@dataclass(frozen=True)
class Member:
    """A professional of the story: who she is in the directory and where she works."""

    user: str
    rpps: str
    name: str
    """`professionals/{professional}`."""
    structure: str
    """`structures/{structure}`."""
    label: str


class Cast:
    """Opens connections and sessions on the system that runs in ``folder``. Raises ``NotRunningError`` when none does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._run = LocalRun.find(folder)
        self._stack = AsyncExitStack()
        self._connections: dict[str, Connection] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def mail(self) -> Path:
        """Where letters become files, when they end on this machine."""
        return self.folder / "mail"

    async def connection(self, software: str) -> Connection:
        """The connection of a piece of software, by the name in its certificate."""
        if software not in self._connections:
            self._connections[software] = await self._stack.enter_async_context(self._run.client(software))
        return self._connections[software]

    async def member(self, user: str, software: str = "software/gp", workplace: int = 0) -> Member:
        """A professional, looked up in the directory by RPPS; ``workplace`` chooses among her structures."""
        listed = {entry["rpps"]: entry for entry in json.loads(DIRECTORY_FILE.read_text(encoding="utf-8"))["professionals"]}
        rpps = accounts()[user].claims["preferred_username"][1:]
        directory = (await self.connection(software)).directory
        found = await directory.LookupProfessional(LookupProfessionalRequest(rpps=rpps), timeout=10)
        structure = await directory.LookupStructure(LookupStructureRequest(finess=listed[rpps]["structures"][workplace]), timeout=10)
        someone = found.professional
        label = f"{someone.title} {someone.given_name} {someone.family_name}".strip()
        return Member(user, rpps, someone.name, structure.structure.name, label)

    async def session(
        self, user: str, software: str, purpose: PurposeOfUse.ValueType, structure: str = "", mandate: str = ""
    ) -> UserSession:
        """Log somebody in, under a mandate if one is named."""
        return await self._run.session(await self.connection(software), user, structure, purpose, mandate)

    async def system(self, name: str) -> UserSession:
        """Log a system in with its certificate."""
        return await UserSession.of_certificate(await self.connection(name), PurposeOfUse.PURPOSE_OF_USE_SYSTEM_DEPOSIT)
