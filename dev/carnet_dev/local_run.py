"""Finding a system that runs on this machine and talking to it: for the demo, the bench and the tests."""

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet_client import Connection, LoggedIn, Targets, UserSession

from carnet_dev.certificates import Authority
from carnet_dev.login import log_in

STATE_FILE = "run.json"


class NotRunningError(Exception):
    """Nothing runs from that folder."""


@dataclass(frozen=True)
class LocalRun:
    """A running system."""

    folder: Path
    targets: Targets
    health: dict[str, str]
    """host:port of each service's gRPC health, plaintext."""
    issuer: str
    """Of the development identity provider."""

    @classmethod
    def find(cls, folder: Path) -> "LocalRun":
        """The system that runs from `folder`. Raises NotRunningError."""
        try:
            state = json.loads((folder / STATE_FILE).read_text())
        except FileNotFoundError:
            raise NotRunningError(f"nothing runs from {folder}: `make run` first, in another terminal") from None
        return cls(folder, Targets(**state["targets"]), state["health"], state["issuer"])

    def pid(self, name: str) -> int:
        """The process id of a program now: a service, `mongod`, `redis`, `identity-provider` or `mail-server`."""
        pids: dict[str, int] = json.loads((self.folder / STATE_FILE).read_text())["pids"]
        return pids[name]

    def certificate_folder(self, name: str) -> Path:
        """The folder with key, certificate and authority of `name`, e.g. `software/gp`."""
        return Authority(self.folder / "certificates").folder(name)

    def client(self, name: str) -> Connection:
        """The channels of the software `name`; to be opened inside an event loop, and closed (`async with`)."""
        return Connection(self.targets, self.certificate_folder(name))

    async def session(
        self,
        connection: Connection,
        user: str,
        structure: str = "",
        purpose: PurposeOfUse.ValueType = PurposeOfUse.PURPOSE_OF_USE_TREATMENT,
        mandate: str = "",
    ) -> UserSession:
        """`user` (of accounts.json) logged in through `connection`, for `structures/{structure}` if a professional. Raises Refused.

        A person may act for another under `mandates/{mandate}`.
        """

        async def fetch() -> LoggedIn:
            return await log_in(self.issuer, user, nonce=secrets.token_urlsafe(16))

        return await UserSession.of_assertion(connection, fetch, purpose, structure, mandate)

    def assertion(self, user: str) -> Callable[[], Awaitable[str]]:
        """What logs `user` in and gives the id_token, or the patient of a test INS (`ins:2790351...`); without a nonce."""

        async def fetch() -> str:
            return (await log_in(self.issuer, user)).id_token

        return fetch
