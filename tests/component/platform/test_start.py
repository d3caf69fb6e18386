"""A service that cannot do its work refuses to start: exit code 78 and a line that names what is wrong, before any store is waited for."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from carnet_dev.certificates import Authority
from carnet_dev.child import Child
from carnet_dev.plan import SERVICES, Plan, free_ports
from carnet_dev.stores import Stores
from support.waiting import wait_until

EX_CONFIG = 78
PATIENCE = timedelta(seconds=60)
NAMES = [service.name for service in SERVICES]
URLS = {"CARNET_MONGO_URL": "mongodb://127.0.0.1:9/any?serverSelectionTimeoutMS=500", "CARNET_REDIS_URL": "redis://127.0.0.1:9/0"}
"""Where nothing listens: at best a service waits."""


@dataclass
class Starting:
    """A service that would start, but for what a test changes; its stores are nowhere."""

    name: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    processes: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plan = Plan(self.folder, free_ports())
        service = next(service for service in SERVICES if service.name == self.name)
        self.settings = self.plan.settings(service, Stores(self.folder, environment=URLS), self.plan.authority)
        del self.settings["trace_file"]

    def start(self) -> Child:
        command = [sys.executable, "-m", f"carnet_{self.name}.main"]
        self.processes.append(Child(command, self.folder / "said", environment=self.plan.environment(self.settings)))
        return self.processes[-1]

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def faults(self) -> list[str]:
        """Why it refused to start. Fails when it ends otherwise, or does not end."""
        process = self.start()
        wait_until(lambda: '"waiting"' in self.said() or not process.is_running, PATIENCE, self.said)
        assert not process.is_running, f"it found nothing wrong:\n{self.said()}"
        assert process.exit_code == EX_CONFIG, self.said()
        lines = [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]  # gRPC also says what it could not open
        assert {line["event"] for line in lines} == {"cannot_start"}, self.said()
        assert {line["service"] for line in lines} == {self.name}
        return [line["fault"] for line in lines]


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Callable[[str], Starting]]:
    """What makes a service by name."""
    made: list[Starting] = []

    def make(name: str) -> Starting:
        made.append(Starting(name, tmp_path / name))
        return made[-1]

    yield make
    for one in made:
        for process in one.processes:
            process.terminate()


Make = Callable[[str], Starting]


@pytest.mark.parametrize("name", ["identity", *(pytest.param(name, marks=pytest.mark.long) for name in NAMES if name != "identity")])
def test_with_everything_right_it_waits_for_its_store_and_ends_with_zero_on_sigterm(starting: Make, name: str) -> None:
    service = starting(name)
    process = service.start()
    wait_until(lambda: '"waiting"' in service.said() or not process.is_running, PATIENCE, service.said)
    assert process.is_running, service.said()
    assert process.terminate() == 0, service.said()


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_wrong_is_named_at_once_before_a_store_is_waited_for(starting: Make, name: str) -> None:
    service = starting(name)
    for setting in [setting for setting in service.settings if setting.endswith("_url_file")]:
        Path(service.settings[setting]).unlink()
    (Path(service.settings["master_key_folder"]) / "derive.key").unlink()
    issue(service, name, not_before=datetime.now(UTC) - timedelta(days=365))
    told = {fault.partition(":")[0]: fault for fault in service.faults()}
    urls = {f"CARNET_{setting.upper()}" for setting in service.settings if setting.endswith("_url_file")}
    assert told.keys() == urls | {"CARNET_MASTER_KEY_FOLDER", "CARNET_CERTIFICATE_FOLDER"}
    assert all("No such file" in told[url] and "Mode 0600." in told[url] for url in urls)
    assert "derive.key: No such file" in told["CARNET_MASTER_KEY_FOLDER"]
    assert "cert.pem expired on " in told["CARNET_CERTIFICATE_FOLDER"]


def issue(service: Starting, name: str, not_before: datetime | None = None) -> None:
    service.plan.authority.issue(Path(service.settings["certificate_folder"]), name, not_before=not_before)


def test_a_certificate_of_another_name_is_told_with_the_name_it_must_carry(starting: Make) -> None:
    service = starting("audit")
    issue(service, "software/gp")
    (found,) = service.faults()
    assert "cert.pem carries spiffe://carnet/software/gp; " in found
    assert "spiffe://carnet/audit," in found


def test_a_service_without_a_folder_of_master_keys_says_that_it_needs_one(starting: Make) -> None:
    service = starting("consent")
    del service.settings["master_key_folder"]
    assert service.faults()[0].startswith("CARNET_MASTER_KEY_FOLDER: missing")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_authority_that_is_not_the_certificates_is_told_once_whatever_the_workers(starting: Make, workers: str, tmp_path: Path) -> None:
    service = starting("documents")
    service.settings["workers"] = workers
    shutil.copyfile(Authority(tmp_path / "other").certificate_file, Path(service.settings["certificate_folder"]) / "ca.pem")
    (found,) = service.faults()
    assert "ca.pem does not verify cert.pem; " in found


def test_settings_that_are_unknown_missing_or_wrong_are_named_at_once(starting: Make) -> None:
    service = starting("identity")
    del service.settings["audit_target"]
    service.settings |= {"token_lifetme": "PT5M", "professional_issuers": "[1]", "workers": "many"}
    told = {fault.partition(":")[0]: fault for fault in service.faults()}
    assert told.keys() == {"CARNET_TOKEN_LIFETME", "CARNET_AUDIT_TARGET", "CARNET_PROFESSIONAL_ISSUERS", "CARNET_WORKERS"}
    assert "did you mean CARNET_TOKEN_LIFETIME?" in told["CARNET_TOKEN_LIFETME"]


@pytest.mark.parametrize(
    ("setting", "content", "told"),
    [
        ("directory_file", "[", "is not JSON"),
        ("purposes_file", 'NOBODY = ["TREATMENT"]', "NOBODY: a role is"),
        ("token_key_folder", None, "holds no *.pem file"),
    ],
)
def test_a_file_that_only_identity_reads_is_named_before_its_stores_are_waited_for(
    starting: Make, setting: str, content: str | None, told: str
) -> None:
    service = starting("identity")
    file = service.folder / "own"
    service.settings[setting] = str(file)
    if content is not None:
        file.write_text(content)
    (found,) = service.faults()
    assert found.startswith(f"CARNET_{setting.upper()}: ")
    assert told in found


def test_a_port_for_health_that_is_taken_is_named(starting: Make) -> None:
    service, other = starting("consent"), starting("audit")
    process = other.start()
    wait_until(lambda: '"waiting"' in other.said() or not process.is_running, PATIENCE, other.said)
    service.settings["health_listen"] = other.settings["health_listen"]
    assert service.faults()[0].startswith("CARNET_HEALTH_LISTEN: ")
