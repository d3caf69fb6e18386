"""The running system and the people of the story, each logged in with the software they use."""

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.identity.v1.directory_service_pb2 import LookupProfessionalRequest, LookupStructureRequest
from carnet_client import Connection, Targets, UserSession

from carnet_dev.identity_provider import DIRECT_GRANT
from carnet_dev.people import DIRECTORY_FILE, accounts

LOOPBACK_NAME = {"identity": "localhost", "consent": "localhost", "documents": "localhost", "audit": "localhost"}


class NotRunningError(Exception):
    """There is no running system in the folder."""


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
    """Opens connections and sessions on the system that `make run` started in ``folder``."""

    def __init__(self, folder: Path) -> None:
        try:
            self.run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotRunningError(f"nothing runs in {folder}: start it with `make run` in another terminal") from None
        self.folder = folder
        self._stack = AsyncExitStack()
        self._connections: dict[str, Connection] = {}

    async def __aenter__(self) -> Self:
        self._http = await self._stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def connection(self, software: str) -> Connection:
        """The connection of a piece of software, by the name in its certificate."""
        if software not in self._connections:
            certificates = Path(self.run["certificates"]) / software
            connection = Connection(Targets(**self.run["targets"]), certificates, server_names=LOOPBACK_NAME)
            self._connections[software] = await self._stack.enter_async_context(connection)
        return self._connections[software]

    async def assertion(self, user: str) -> str:
        """What the development identity provider asserts of ``user``."""
        answer = await self._http.post(f"{self.run['issuer']}/token", data={"grant_type": DIRECT_GRANT, "user": user})
        answer.raise_for_status()
        return str(answer.json()["id_token"])

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

    async def session(self, user: str, software: str, purpose: PurposeOfUse.ValueType, structure: str = "") -> UserSession:
        """Log somebody in."""
        connection = await self.connection(software)
        return await UserSession.of_assertion(connection, lambda: self.assertion(user), purpose, structure)

    async def system(self, name: str) -> UserSession:
        """Log a system in with its certificate."""
        return await UserSession.of_certificate(await self.connection(name), PurposeOfUse.PURPOSE_OF_USE_SYSTEM_DEPOSIT)
