"""A container that cannot do its work says which setting, file or certificate is wrong and ends with 78, instead of serving."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from carnet_dev.certificates import Authority
from carnet_dev.images import reference
from carnet_dev.key_files import master_key_folder
from carnet_dev.private_files import write_private
from images.containers import INSIDE
from images.engine import Container, Engine, give_to_container, mount
from support.waiting import wait_until

EX_CONFIG = 78
PATIENCE = timedelta(seconds=60)
NOBODY = "127.0.0.1:9"


@dataclass
class OneService:
    """A documents service that would start, but for what a test changes; its store is nowhere, so at best it waits."""

    engine: Engine
    tag: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    started: list[Container] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.authority = Authority(self.folder / "certificates")
        self.authority.folder("documents")
        master_key_folder(self.folder / "keys", datetime(2026, 1, 1, tzinfo=UTC).date())
        write_private(self.folder / "mongo_url", f"mongodb://{NOBODY}/documents?directConnection=true&serverSelectionTimeoutMS=500")
        self.settings = {
            "environment": "development",
            "listen": "127.0.0.1:7103",
            "health_listen": "127.0.0.1:7203",
            "certificate_folder": f"{INSIDE}/certificates/documents",
            "master_key_folder": f"{INSIDE}/keys",
            "mongo_url_file": f"{INSIDE}/mongo_url",
            "keys_mongo_url_file": f"{INSIDE}/mongo_url",
            "consent_target": NOBODY,
            "identity_target": NOBODY,
            "audit_target": NOBODY,
        }

    def start(self) -> Container:
        give_to_container(self.folder)
        container = self.engine.start(reference("documents", self.tag), ["--network", "none", *mount(self.folder, INSIDE)], self.settings)
        self.started.append(container)
        return container


@pytest.fixture
def documents(engine: Engine, tag: str, private_folder: Path) -> Iterator[OneService]:
    one = OneService(engine, tag, private_folder)
    yield one
    for container in one.started:
        container.remove()


def settled(container: Container) -> None:
    """Return once it has ended or waits for its store, which is all it can do when it found nothing wrong."""
    wait_until(lambda: '"waiting"' in container.logs() or not container.is_running, PATIENCE, container.logs)


def faults(container: Container) -> list[str]:
    """Why it refused to start: the container must have ended with 78."""
    settled(container)
    assert not container.is_running, f"it found nothing wrong:\n{container.logs()}"
    lines = [json.loads(line) for line in container.logs().splitlines() if line.startswith("{")]
    assert container.wait(PATIENCE) == EX_CONFIG, container.logs()
    return [line["fault"] for line in lines if line["event"] == "cannot_start"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_with_everything_right_it_waits_for_its_store_and_ends_with_zero_on_sigterm(documents: OneService, workers: str) -> None:
    documents.settings["workers"] = workers
    container = documents.start()
    settled(container)
    assert container.is_running, container.logs()
    code, took = container.stop(PATIENCE)
    assert (code, took < timedelta(seconds=15)) == (0, True)


def test_a_sigterm_before_it_can_serve_ends_it_with_zero_and_is_not_lost(documents: OneService) -> None:
    """Process 1 hears no signal that it has no handler for: it has one from its first lines on, long before gRPC is imported."""
    container = documents.start()
    wait_until(lambda: has_handler(container), PATIENCE, container.logs)
    container.engine.run("kill", "--signal", signal.SIGTERM.name, container.id)
    assert container.wait(timedelta(seconds=15)) == 0


def has_handler(container: Container) -> bool:
    """Whether process 1 has a handler for SIGTERM."""
    status = container.engine.run("exec", container.id, "cat", "/proc/1/status")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_an_unknown_setting_is_named(documents: OneService) -> None:
    documents.settings["document_sise_limit"] = "1"
    assert faults(documents.start()) == ["CARNET_DOCUMENT_SISE_LIMIT: no such setting; did you mean CARNET_DOCUMENT_SIZE_LIMIT?"]


def test_every_missing_setting_is_named_at_once(documents: OneService) -> None:
    del documents.settings["audit_target"], documents.settings["listen"]
    assert {fault.partition(":")[0] for fault in faults(documents.start())} == {"CARNET_AUDIT_TARGET", "CARNET_LISTEN"}


@pytest.mark.parametrize(
    ("absent", "named"),
    [
        ("mongo_url", "mongo_url"),
        ("keys/derive.key", "derive.key"),
        ("keys/2026-01-01.key", "CARNET_MASTER_KEY_FOLDER"),
        ("certificates/documents/key.pem", "key.pem"),
        ("certificates/documents/ca.pem", "ca.pem"),
    ],
)
def test_a_missing_secret_is_named(documents: OneService, absent: str, named: str) -> None:
    (documents.folder / absent).unlink()
    assert named in " ".join(faults(documents.start()))


def other_certificate(documents: OneService, change: Callable[[Path], object]) -> Sequence[str]:
    change(documents.folder / "certificates" / "documents")
    return faults(documents.start())


def test_a_key_of_another_certificate_is_named(documents: OneService) -> None:
    other = documents.authority.folder("audit")
    found = other_certificate(documents, lambda folder: shutil.copyfile(other / "key.pem", folder / "key.pem"))
    assert "key.pem does not belong to cert.pem" in found[0]


def test_an_expired_certificate_is_named(documents: OneService) -> None:
    year = datetime.now(UTC) - timedelta(days=365)
    found = other_certificate(documents, lambda folder: documents.authority.issue(folder, "documents", not_before=year))
    assert any("cert.pem" in fault and "expired" in fault for fault in found), found


def test_a_certificate_of_another_name_is_named(documents: OneService) -> None:
    found = other_certificate(documents, lambda folder: documents.authority.issue(folder, "audit"))
    assert any("cert.pem" in fault and "spiffe://carnet/documents" in fault for fault in found), found
