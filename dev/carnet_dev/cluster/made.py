"""What a kind cluster needs and the repository must not hold: secrets, certificates, keys, the tag of the images.

Everything is made once in a folder of its own (var/kind) and kept there, so that a second deployment finds the data of the first;
then it is laid out where the kustomizations look for it, in folders that git ignores. The same folder serves clients outside the
cluster: it has their certificates and a `run.json`, so the demo and the tests find the cluster as they find a local run.
"""

import hashlib
import json
from datetime import date
from pathlib import Path

from carnet_dev.certificates import Authority
from carnet_dev.key_files import master_key_folder, signing_key_file
from carnet_dev.local_run import STATE_FILE
from carnet_dev.manifests.render import CLIENTS_INSIDE
from carnet_dev.people import DIRECTORY_FILE
from carnet_dev.plan import CLIENT_NAMES, IDENTITY_PROVIDER, SERVICES
from carnet_dev.ports import LOOPBACK
from carnet_dev.private_files import kept_secret, write_private

KEY_DATE = date(2026, 1, 1)
"""The name of the master keys in overlays/kind; what matters of a date there is its order."""
MEMBERS = tuple(f"mongodb-{number}.mongodb:27017" for number in range(3))
HOST_PORTS = {"identity": 7301, "consent": 7302, "documents": 7303, "audit": 7304, IDENTITY_PROVIDER: 7310}
"""Of 127.0.0.1: k8s/kind/cluster.yaml and overlays/kind map them."""
_KEY_FILE_BYTES = 256  # mongod takes a key file of at most 1024 base64 characters

# What identity does in Redis, and nothing else: set and read marks, in one transaction.
_REDIS_RIGHTS = "resetchannels ~identity:* -@all +auth +hello +client|setinfo +client|setname +select +ping +get +set +multi +exec"


class Made:
    """Secrets of one kind cluster, kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority(folder / "certificates")

    def lay_out(self, k8s: Path, tag: str) -> None:
        """Write everything below `k8s`, with `tag` for our own images, and what clients outside need into the folder itself."""
        overlay = k8s / "overlays" / "kind" / "made"
        self._put_certificates(k8s / "components" / "development-certificates" / "made")
        for service in SERVICES:
            self._put_service(overlay / service.name, service.name)
        self._put_mongodb(overlay / "mongodb")
        write_private(overlay / "redis" / "users.acl", self._redis_users())
        write_private(overlay / IDENTITY_PROVIDER / "signing.pem", self._signing_key(IDENTITY_PROVIDER))
        write_private(overlay / "directory.json", DIRECTORY_FILE.read_bytes())
        write_private(overlay / "kustomization.yaml", _images(tag))
        for name in CLIENT_NAMES:
            self._authority.folder(name)
        write_private(self._folder / STATE_FILE, json.dumps(_state(), indent=2))

    def mongo_url(self, database: str) -> str:
        """The URL by which the user of `database` reaches it from inside the cluster."""
        return f"mongodb://{database}:{self._password(database)}@{','.join(MEMBERS)}/{database}?replicaSet=rs0&authSource={database}"

    def _put_certificates(self, folder: Path) -> None:
        for name in (*(service.name for service in SERVICES), *CLIENTS_INSIDE):
            source = self._authority.folder(name)
            for file in ("key.pem", "cert.pem", "ca.pem"):
                write_private(folder / name.rsplit("/", 1)[-1] / file, (source / file).read_bytes())

    def _put_service(self, folder: Path, name: str) -> None:
        service = next(one for one in SERVICES if one.name == name)
        for setting, database in service.databases.items():
            write_private(folder / setting.removesuffix("_file"), self.mongo_url(database))
        if service.needs_redis:
            write_private(folder / "redis_url", f"redis://{name}:{self._password('redis')}@redis:6379/0")
        keys = master_key_folder(self._folder / "keys" / name, KEY_DATE)
        write_private(folder / "derive.key", (keys / "derive.key").read_text())
        write_private(folder / "master.key", (keys / f"{KEY_DATE}.key").read_text())
        if name == "identity":
            write_private(folder / "token.pem", self._signing_key("tokens"))

    def _put_mongodb(self, folder: Path) -> None:
        write_private(folder / "keyfile", kept_secret(self._folder / "secrets" / "mongodb-keyfile", length=_KEY_FILE_BYTES))
        for service in SERVICES:
            for database in service.databases.values():
                write_private(folder / database, self._password(database))

    def _redis_users(self) -> str:
        digest = hashlib.sha256(self._password("redis").encode()).hexdigest()
        return f"user default off\nuser identity on #{digest} {_REDIS_RIGHTS}\n"

    def _password(self, name: str) -> str:
        return kept_secret(self._folder / "secrets" / name)

    def _signing_key(self, name: str) -> bytes:
        return signing_key_file(self._folder / "keys" / f"{name}.pem").read_bytes()


def _images(tag: str) -> str:
    names = [*(service.name for service in SERVICES), "dev"]
    images = "".join(f'  - name: carnet/{name}\n    newTag: "{tag}"\n' for name in names)
    return f"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages:\n{images}"


def _state() -> dict[str, object]:
    return {
        "targets": {service.name: f"{LOOPBACK}:{HOST_PORTS[service.name]}" for service in SERVICES},
        "health": {},
        "issuer": f"http://{LOOPBACK}:{HOST_PORTS[IDENTITY_PROVIDER]}",
        "pids": {},
    }
