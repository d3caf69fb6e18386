"""Where everything of a local run lies and listens: one folder, one port a program, and the settings each service gets.

`SERVICES` is the one list of services, in starting order: its databases, the peers it calls and its own settings. Services are given
exactly the variables they know, since an unknown one stops their start.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from carnet_dev.certificates import Authority
from carnet_dev.key_files import master_key_folder, signing_key_file, structure_key_folder
from carnet_dev.people import DIRECTORY_FILE
from carnet_dev.ports import LOOPBACK, free_port
from carnet_dev.private_files import write_private
from carnet_dev.stores import Stores

HEALTH_OFFSET = 100
IDENTITY_PROVIDER = "identity-provider"
MAIL_SERVER = "mail-server"
CLIENT_NAMES = ("portal", "operations", "software/gp", "software/hospital", "software/emergency", "system/insurer")


@dataclass(frozen=True)
class Service:
    """What one service needs, apart from what all need."""

    name: str
    port: int
    """Of its gRPC services in a run on the usual ports."""
    databases: Mapping[str, str]
    """Setting that names a URL file, and the database behind it."""
    peers: tuple[str, ...] = ()
    """The services it calls: each gives it the setting `<peer>_target`."""
    needs_redis: bool = False


SERVICES = (
    Service("identity", 7101, {"mongo_url_file": "carnet_identity"}, ("consent", "audit"), needs_redis=True),
    Service(
        "audit",
        7104,
        {"mongo_url_file": "carnet_audit", "keys_mongo_url_file": "carnet_audit_keys"},
        ("identity", "consent"),
    ),
    Service("consent", 7102, {"mongo_url_file": "carnet_consent"}, ("identity", "audit")),
    Service(
        "documents",
        7103,
        {"mongo_url_file": "carnet_documents", "keys_mongo_url_file": "carnet_documents_keys"},
        ("identity", "consent", "audit"),
    ),
)
STOP_ORDER = ("documents", "consent", "identity", "audit", IDENTITY_PROVIDER, MAIL_SERVER)


def usual_ports() -> dict[str, int]:
    """The ports of `make run`."""
    ports = {service.name: service.port for service in SERVICES}
    ports |= {f"{service.name} health": service.port + HEALTH_OFFSET for service in SERVICES}
    return ports | {IDENTITY_PROVIDER: 7110, MAIL_SERVER: 7111, "mongod": 7117, "redis": 7118}


def free_ports() -> dict[str, int]:
    """Other ports, free now: for tests, beside a run on the usual ones."""
    chosen: dict[str, int] = {}
    for name in usual_ports():
        port = free_port()
        while port in chosen.values():
            port = free_port()
        chosen[name] = port
    return chosen


@dataclass(frozen=True)
class Plan:
    """A local run in `folder`."""

    folder: Path
    ports: Mapping[str, int] = field(default_factory=usual_ports)
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Settings by service name (`all` for every service) that replace or add to the plan's."""

    def listen(self, name: str) -> str:
        """host:port of a program."""
        return f"{LOOPBACK}:{self.ports[name]}"

    def log(self, name: str) -> Path:
        """The log file of a program."""
        return self.folder / "log" / f"{name}.log"

    @property
    def issuer(self) -> str:
        """The issuer of the development identity provider."""
        return f"http://{self.listen(IDENTITY_PROVIDER)}"

    @property
    def mail(self) -> Path:
        """Where the development mail server writes what it gets."""
        return self.folder / "mail"

    @property
    def authority(self) -> Authority:
        """The development certificate authority, made on first use."""
        return Authority(self.folder / "certificates")

    @property
    def structure_keys(self) -> Path:
        """The folder in which each structure's own private key lies, `<FINESS>.pem`: it signs care-contact tokens."""
        return self.folder / "keys" / "software" / "structures"

    def identity_provider_key(self) -> Path:
        """The file with the identity provider's signing key, made on first use."""
        return signing_key_file(self.folder / "keys" / IDENTITY_PROVIDER / "signing.pem")

    def settings(self, service: Service, stores: Stores, authority: Authority) -> dict[str, str]:
        """The settings of a service by name; makes the files they name."""
        keys = self.folder / "keys" / service.name
        files = {
            setting: self._url_file(service.name, setting, stores.mongo_url(database)) for setting, database in service.databases.items()
        }
        if service.needs_redis:
            files["redis_url_file"] = self._url_file(service.name, "redis_url_file", stores.redis_url)
        settings = {
            "environment": "development",
            "listen": self.listen(service.name),
            "health_listen": self.listen(f"{service.name} health"),
            "certificate_folder": str(authority.folder(service.name)),
            "master_key_folder": str(master_key_folder(keys, datetime.now(UTC).date())),
            "trace_file": str(self._trace_file(service.name)),
            **{setting: str(file) for setting, file in files.items()},
            **{f"{peer}_target": self.listen(peer) for peer in service.peers},
        }
        if service.name == "identity":
            settings |= self._identity_settings(keys) | self._mail_settings(authority)
        return {**settings, **self.overrides.get("all", {}), **self.overrides.get(service.name, {})}

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The environment of a service: this process's without any `CARNET_` variable, and its settings."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
        return inherited | {f"CARNET_{name.upper()}": value for name, value in settings.items()}

    def _identity_settings(self, keys: Path) -> dict[str, str]:
        return {
            "directory_file": str(DIRECTORY_FILE),
            "token_key_folder": str(signing_key_file(keys / "tokens" / "signing.pem").parent),
            "structure_key_folder": str(structure_key_folder(self.structure_keys, keys / "structures", _structures())),
            "professional_issuers": json.dumps([self.issuer]),
            "patient_issuers": json.dumps([self.issuer]),
            "operator_issuers": json.dumps([self.issuer]),
        }

    def _mail_settings(self, authority: Authority) -> dict[str, str]:
        ca_file = authority.folder("identity") / "ca.pem"
        return {"smtp_server": self.listen(MAIL_SERVER), "smtp_ca_file": str(ca_file), "mail_sender": "ne-pas-repondre@carnet.example"}

    def _trace_file(self, service: str) -> Path:
        folder = self.folder / "traces"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{service}.jsonl"

    def _url_file(self, service: str, setting: str, url: str) -> Path:
        path = self.folder / "urls" / service / setting.removesuffix("_file")
        write_private(path, url)
        return path


def _structures() -> list[str]:
    """The FINESS of every structure of the demonstration's directory."""
    return [structure["finess"] for structure in json.loads(DIRECTORY_FILE.read_text(encoding="utf-8"))["structures"]]
