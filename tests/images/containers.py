"""The whole system from its images on one engine: two replicas of documents behind one name, stores on this machine.

The plan is that of `make run`: what differs is where things listen and what they are called. MongoDB and Redis listen on the network's
gateway, the only address of this machine that the containers can reach; the identity provider shares identity's network name space,
because it listens on the loopback address alone.
"""

import json
import secrets
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from carnet_dev.child import Child
from carnet_dev.health import is_serving
from carnet_dev.images import reference
from carnet_dev.local_run import STATE_FILE
from carnet_dev.mongod import REPLICA_SET, Mongod
from carnet_dev.people import DIRECTORY_FILE
from carnet_dev.plan import CLIENT_NAMES, IDENTITY_PROVIDER, SERVICES, Plan, Service, usual_ports
from carnet_dev.ports import LOOPBACK
from carnet_dev.private_files import write_private
from carnet_dev.redis_server import RedisServer
from carnet_dev.stores import Stores
from images.engine import Container, Engine, EngineError, give_to_container, mount

INSIDE = "/run/carnet"
"""Where a container finds its files."""
REPLICAS = {"documents": 2}
_ANYWHERE = "0.0.0.0"  # noqa: S104  # inside a container, on a network of its own


class GatewayMongod(Mongod):
    """A mongod that also listens on another address of this machine."""

    gateway = ""

    def _command(self, program: str) -> list[str]:
        command = super()._command(program)
        command[command.index("--bind_ip") + 1] = f"{LOOPBACK},{self.gateway}"
        return command


class GatewayRedis(RedisServer):
    """A redis-server that also listens on another address of this machine."""

    gateway = ""

    def _configuration(self) -> str:
        return super()._configuration().replace(f"bind {LOOPBACK}\n", f"bind {LOOPBACK} {self.gateway}\n")


class GatewayStores(Stores):
    """Stores as containers reach them: by the gateway, and the one member of the replica set directly."""

    def __init__(self, folder: Path, gateway: str) -> None:
        super().__init__(folder, environment={})
        mongod, redis = GatewayMongod(folder), GatewayRedis(folder)
        mongod.gateway = redis.gateway = self._gateway = gateway
        self.mongod, self.redis = mongod, redis

    def mongo_url(self, database: str) -> str:
        url = super().mongo_url(database).replace(f"@{LOOPBACK}:", f"@{self._gateway}:")
        return url.replace(f"replicaSet={REPLICA_SET}", "directConnection=true")

    @property
    def redis_url(self) -> str:
        return super().redis_url.replace(f"@{LOOPBACK}:", f"@{self._gateway}:")


class ContainedCarnet:
    """Carnet from its images. `start` and then `stop`, also when `start` failed."""

    def __init__(self, engine: Engine, tag: str, folder: Path) -> None:
        self._engine = engine
        self._tag = tag
        self.folder = folder
        self.network = f"carnet-test-{secrets.token_hex(4)}"
        self.containers: dict[str, Container] = {}
        self._logs: list[Child] = []
        self.stores: GatewayStores | None = None

    @property
    def ports(self) -> Mapping[str, int]:
        """Every container has its own network: the usual ports, also for replicas."""
        return usual_ports()

    def start(self) -> None:
        """Start everything; nothing is awaited but the stores."""
        self.folder.mkdir(mode=0o755)
        self._engine.run("network", "create", self.network)
        gateway = str(self._engine.inspect("network", self.network)["IPAM"]["Config"][0]["Gateway"])
        self.stores = GatewayStores(self.folder, gateway)
        self.stores.start()
        plan = Plan(self.folder, self.ports, self._overrides())
        shutil.copyfile(DIRECTORY_FILE, self.folder / "directory.json")
        for name in CLIENT_NAMES:
            plan.authority.folder(name)
        settings = {service.name: plan.settings(service, self.stores, plan.authority) for service in SERVICES}
        self._write_state(plan)
        (self.folder / "demo").mkdir()  # where the story keeps the history that its patient verifies
        for kind in ("certificates", "keys", "urls", "traces", "demo"):
            give_to_container(self.folder / kind)
        for service in SERVICES:
            for number in range(REPLICAS.get(service.name, 1)):
                name = service.name if number == 0 else f"{service.name}-{number}"
                self._start(name, service.name, self._flags(service), settings[service.name])
        self._start_identity_provider(plan)

    def _overrides(self) -> dict[str, dict[str, str]]:
        ports = self.ports
        listening = {
            service.name: {
                "listen": f"{_ANYWHERE}:{service.port}",
                "health_listen": f"{_ANYWHERE}:{ports[f'{service.name} health']}",
                "trace_sample_ratio": "1",
                **{f"{peer}_target": self.target(peer) for peer in service.peers},
            }
            for service in SERVICES
        }
        listening["identity"]["directory_file"] = str(self.folder / "directory.json")
        return listening

    def target(self, service: str) -> str:
        """Where a client on the network finds a service: every replica that its name stands for."""
        return f"dns:///{service}:{self.ports[service]}"

    def _flags(self, service: Service) -> list[str]:
        flags = ["--network", self.network, "--network-alias", service.name]
        for kind in ("certificates", "keys", "urls"):
            flags += mount(self.folder / kind / service.name, f"{INSIDE}/{kind}/{service.name}")
        flags += mount(self.folder / "traces", f"{INSIDE}/traces", is_writable=True)
        if service.name == "identity":
            flags += mount(self.folder / "directory.json", f"{INSIDE}/directory.json")
        return flags

    def _start(self, name: str, image: str, flags: list[str], settings: Mapping[str, str], *command: str) -> Container:
        inside = {setting: value.replace(str(self.folder), INSIDE) for setting, value in settings.items()}
        container = self._engine.start(reference(image, self._tag), flags, inside, command)
        self.containers[name] = container
        self._logs.append(Child(self._engine.command("logs", "--follow", container.id), self.folder / "log" / f"{name}.log"))
        return container

    def _start_identity_provider(self, plan: Plan) -> None:
        key = plan.identity_provider_key()
        give_to_container(key.parent)
        flags = [*self.beside_identity(), *mount(key.parent, f"{INSIDE}/{IDENTITY_PROVIDER}"), "--entrypoint", "python"]
        words = ("-m", "carnet_dev.identity_provider", "--port", str(self.ports[IDENTITY_PROVIDER]))
        self._start(IDENTITY_PROVIDER, "dev", flags, {}, *words, "--key", f"{INSIDE}/{IDENTITY_PROVIDER}/{key.name}")

    def beside_identity(self) -> list[str]:
        """The flags of a container that shares identity's network name space."""
        return ["--network", f"container:{self.containers['identity'].id}"]

    def _write_state(self, plan: Plan) -> None:
        """What a client inside the network finds the system by."""
        state = {
            "targets": {service.name: self.target(service.name) for service in SERVICES},
            "health": {service.name: f"{service.name}:{self.ports[f'{service.name} health']}" for service in SERVICES},
            "issuer": plan.issuer,
            "pids": {},
        }
        write_private(self.folder / STATE_FILE, json.dumps(state), mode=0o644)

    def health(self, name: str) -> str:
        """host:port of a container's health, as this machine reaches it."""
        service = name.partition("-")[0]
        return f"{self.containers[name].address}:{self.ports[f'{service} health']}"

    async def is_up(self) -> bool:
        """Whether every replica of every service serves."""
        return all([await is_serving(self.health(name)) for name in self.containers if name != IDENTITY_PROVIDER])

    def told(self, *words: str) -> tuple[int, str]:
        """The story, told by a client on the network: its exit code and what it said."""
        flags = [*self.beside_identity(), *mount(self.folder, INSIDE), *mount(self.folder / "demo", f"{INSIDE}/demo", is_writable=True)]
        flags += ["--entrypoint", "python"]
        command = ("-m", "carnet_dev.demo", "--folder", INSIDE, *words)
        container = self._engine.start(reference("dev", self._tag), flags, {}, command)
        try:
            return container.wait(timedelta(seconds=110)), container.logs()
        finally:
            container.remove()

    def said(self) -> str:
        """The last words of every container."""
        return "\n".join(f"--- {name}\n{container.logs()[-1500:]}" for name, container in self.containers.items())

    def stop(self) -> None:
        """Leave nothing behind: containers, followers of their logs, stores, the network."""
        for container in reversed(self.containers.values()):
            container.remove()
        for log in self._logs:
            log.terminate()
        if self.stores is not None:
            self.stores.stop()
        try:
            self._engine.run("network", "rm", self.network)
        except EngineError as error:
            if "not found" not in str(error).lower():
                raise
