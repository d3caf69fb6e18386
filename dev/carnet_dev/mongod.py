"""A real mongod on this machine: a replica set of one member, with authentication from its first second.

Its folder survives restarts, kills at any instant (a set-up that did not end is begun again) and a change of port (the replica
set is told its new address). Each database has one user, who may read and write that database and no other.
"""

import shutil
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from carnet_dev.child import Child
from carnet_dev.ports import LOOPBACK, kept_port, wait_until_open
from carnet_dev.private_files import kept_secret, write_private
from carnet_dev.programs import find_mongod
from carnet_dev.store_server import StoreServer

REPLICA_SET = "rs0"
_STARTING_PATIENCE = timedelta(seconds=30)
_KEY_BYTES = 256  # mongod takes a key file of at most 1024 base64 characters


class Mongod(StoreServer):
    """One mongod over `folder` (data, key file, passwords); `port` is wanted, and another is taken when it is not free.

    `parameters` are server parameters as mongod's --setParameter takes them.
    """

    def __init__(self, folder: Path, port: int = 0, *, parameters: Sequence[str] = ()) -> None:
        super().__init__(folder, port)
        self._data = folder / "mongo"
        self._parameters = parameters

    def start(self) -> None:
        """Start it and return once it takes writes: under a second.

        Raises ProgramNotFoundError, ChildProcessError when it ends at once (its log says why), TimeoutError.
        """
        program = find_mongod()
        self._wait_for_predecessor()
        ready = self._data / "carnet-ready"
        if not ready.exists():
            # The localhost exception allows one first user, and a half-made set cannot be told from a whole one without a
            # password: what did not reach its end is begun again.
            shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True, exist_ok=True)
        self.port = kept_port(self._folder / "mongo.port", self._wanted_port)
        self._child = Child(self._command(program), self._folder / "log" / "mongod.out")
        wait_until_open(self.port, lambda: self.process.is_running, _STARTING_PATIENCE)
        if ready.exists():
            self._take_address()
        else:
            self._set_up()
            write_private(ready, "")

    @property
    def admin_url(self) -> str:
        """The URL of the user who may do everything; for set-up and tests alone."""
        return self._url("root", self._password("root"), "admin")

    def url(self, database: str) -> str:
        """The URL of the user of `database`, made on first use."""
        password = self._password(database)
        # dbAdmin for what a new version does to its own collections: collMod of a validator.
        roles = [{"role": role, "db": database} for role in ("readWrite", "dbAdmin")]
        with self._admin() as client:
            command = "updateUser" if client[database].command("usersInfo", database)["users"] else "createUser"
            client[database].command(command, database, pwd=password, roles=roles)
        return self._url(database, password, database)

    def _url(self, user: str, password: str, database: str) -> str:
        return f"mongodb://{user}:{password}@{LOOPBACK}:{self.port}/{database}?replicaSet={REPLICA_SET}&authSource={database}"

    def _password(self, user: str) -> str:
        return kept_secret(self._folder / "secrets" / f"mongo-{user}")

    def _command(self, program: str) -> list[str]:
        key = self._folder / "secrets" / "mongo.key"
        kept_secret(key, length=_KEY_BYTES)
        log = self._folder / "log" / "mongod.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        files = ["--dbpath", str(self._data), "--keyFile", str(key), "--logpath", str(log), "--logappend", "--nounixsocket"]
        network = ["--port", str(self.port), "--bind_ip", LOOPBACK, "--replSet", REPLICA_SET]
        # Small enough for a laptop and for two test sessions at once.
        sizes = ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64", "--setParameter", "diagnosticDataCollectionEnabled=false"]
        # A process killed in the middle of a transaction must not keep what it locked for the usual minute.
        sizes += ["--setParameter", "transactionLifetimeLimitSeconds=5"]
        extra = [word for parameter in self._parameters for word in ("--setParameter", parameter)]
        return [program, *files, *network, *sizes, *extra]

    def _wait_for_predecessor(self) -> None:
        """A mongod whose supervisor was killed takes a second to end, and holds the data until then."""
        lock = self._data / "mongod.lock"
        end = time.monotonic() + _STARTING_PATIENCE.total_seconds()
        while lock.exists() and (pid := lock.read_text().strip()) and _is_mongod(int(pid)):
            if time.monotonic() > end:
                raise TimeoutError(f"another mongod (process {pid}) uses {self._data}")
            time.sleep(0.05)

    def _set_up(self) -> None:
        with self._direct() as client:
            members = [{"_id": 0, "host": f"{LOOPBACK}:{self.port}"}]
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
            self._wait_until_primary(client)
            client.admin.command("createUser", "root", pwd=self._password("root"), roles=["root"])

    def _take_address(self) -> None:
        """On another port than last time, the only member would never find itself in its own set."""
        with self._admin() as client:
            configuration = client.admin.command("replSetGetConfig")["config"]
            host = f"{LOOPBACK}:{self.port}"
            if configuration["members"][0]["host"] != host:
                configuration["members"][0]["host"] = host
                configuration["version"] += 1
                client.admin.command("replSetReconfig", configuration, force=True)
            self._wait_until_primary(client)

    def _admin(self) -> MongoClient[dict[str, Any]]:
        return self._direct(f"root:{self._password('root')}@")

    def _direct(self, credentials: str = "") -> MongoClient[dict[str, Any]]:
        url = f"mongodb://{credentials}{LOOPBACK}:{self.port}/admin"
        return MongoClient(url, directConnection=True, serverSelectionTimeoutMS=10_000)

    def _wait_until_primary(self, client: MongoClient[dict[str, Any]]) -> None:
        end = time.monotonic() + _STARTING_PATIENCE.total_seconds()
        while time.monotonic() < end:
            try:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return
            except AutoReconnect:
                pass
            time.sleep(0.01)
        raise TimeoutError("mongod did not become primary; its log says why")


def _is_mongod(pid: int) -> bool:
    """Whether the process lives and is a mongod; a zombie that nobody reaps does not count."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return name.startswith("mongod") and not rest.lstrip().startswith("Z")
