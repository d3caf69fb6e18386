"""The command `carnet-records`, run as an operator runs it: a process of its own with consent's settings."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from carnet_dev.certificates import Authority
from carnet_dev.key_files import master_key_folder
from pymongo import MongoClient
from pymongo.database import Database
from support import earlier_system
from support.earlier_system import Answering
from support.stores_fixtures import TestStores
from support.waiting import wait_until

PATIENCE = timedelta(seconds=60)
Command = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def answering(certificates: Authority) -> Iterator[Answering]:
    """An identity that knows the people of the file."""
    with Answering(certificates.folder("identity")) as running:
        yield running


@pytest.fixture
def command(stores: TestStores, certificates: Authority, answering: Answering, database_name: str, tmp_path: Path) -> Command:
    """Starts the command on the database of this test."""
    url_file = tmp_path / "mongo.url"
    url_file.write_text(stores.mongo_url(database_name))
    master_key_folder(tmp_path / "keys", datetime.now(UTC).date())
    settings = {
        "ENVIRONMENT": "test",
        "LISTEN": "127.0.0.1:1",
        "HEALTH_LISTEN": "127.0.0.1:1",
        "CERTIFICATE_FOLDER": str(certificates.folder("consent")),
        "MONGO_URL_FILE": str(url_file),
        "MASTER_KEY_FOLDER": str(tmp_path / "keys"),
        "IDENTITY_TARGET": answering.target,
        "AUDIT_TARGET": "127.0.0.1:1",
    }

    def started(file: Path, **changed: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
        environment |= {f"CARNET_{name}": value for name, value in (settings | changed).items()}
        arguments = ["import", "--file", str(file), "--report", str(tmp_path / "report")]
        program = [sys.executable, "-m", "carnet_consent.record_import.main", *arguments]
        return subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return started


@pytest.fixture
def opened(stores: TestStores, database_name: str) -> Iterator[Database[dict[str, Any]]]:
    """The database of this test, as an administrator sees it."""
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
        yield client[database_name]


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Its exit code, the last line of each kind that it logged, and all it wrote."""
    output, _ = process.communicate(timeout=120)
    logged = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return process.returncode, {line["event"]: line for line in logged}, output


def counts(logged: dict[str, dict[str, Any]]) -> tuple[int, int, int]:
    """How many lines were imported, were so before, were refused."""
    told = logged["records.imported"]
    return told["imported"], told["unchanged"], told["refused"]


@pytest.mark.long
@pytest.mark.parametrize("driver", ["motor", "pymongo"])
def test_an_operator_imports_a_file_reads_what_was_refused_and_may_do_it_again(
    command: Command, opened: Database[dict[str, Any]], tmp_path: Path, driver: str
) -> None:
    file = earlier_system.write(tmp_path / "records.csv", 60)
    with file.open("a", encoding="utf-8") as more:
        more.write(earlier_system.line(earlier_system.NOT_QUALIFIED) + "\n" + earlier_system.line(19_999) + "\n")
    code, logged, output = ended(command(file, MONGO_DRIVER=driver))
    assert (code, counts(logged)) == (0, (60, 0, 2)), output
    assert opened["records"].count_documents({}) == opened["history"].count_documents({}) == 60
    with (tmp_path / "report").open(encoding="utf-8", newline="") as report:
        assert list(csv.reader(report, delimiter=";")) == [
            ["file", "line", "heading", "rule"],
            ["records", "62", "ins", "Qualify the identity first: INSi and an identity paper."],
            ["records", "63", "ins", "no person is registered under this INS"],
        ]
    assert earlier_system.ins(19_999) not in output + (tmp_path / "report").read_text()
    before = list(opened["changes"].find({}, {"_id": 1}).sort("_id", 1))

    code, logged, output = ended(command(file, MONGO_DRIVER=driver))
    assert (code, counts(logged)) == (0, (0, 60, 2)), output
    assert "records.nothing_new" in logged
    assert list(opened["changes"].find({}, {"_id": 1}).sort("_id", 1)) == before


def test_a_command_that_was_killed_is_gone_on_with_and_nothing_is_lost_or_doubled(
    command: Command, opened: Database[dict[str, Any]], tmp_path: Path
) -> None:
    people = 1500
    file = earlier_system.write(tmp_path / "records.csv", people)
    text = file.read_text(encoding="utf-8").splitlines()
    stranger = earlier_system.line(19_999)
    file.write_text("\n".join([*text[:100], "not a line", *text[100:], stranger]) + "\n", encoding="utf-8")
    process = command(file)
    wait_until(lambda: opened["record_imports"].find_one({"position": {"$ne": ""}}) is not None or process.poll() is not None, PATIENCE)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    half = {row["_id"]: row["patient"] for row in opened["records"].find({}, {"patient": 1})}
    assert 0 < len(half) < people

    code, logged, output = ended(command(file))

    assert code == 0, output
    assert logged["records.storing"]["resumed"] is True
    assert (sum(counts(logged)), counts(logged)[2]) == (people + 2, 2)
    records = {row["_id"]: row["patient"] for row in opened["records"].find({}, {"patient": 1})}
    assert (len(records), len(set(records.values()))) == (people, people)
    assert half.items() <= records.items()
    revisions = {row["_id"]: row["revision"] for row in opened["records"].find({}, {"revision": 1})}
    told = [row["subject"] for row in opened["changes"].find({}, {"subject": 1})]
    assert len(told) == sum(revisions.values())
    assert set(told) == set(records)
    with (tmp_path / "report").open(encoding="utf-8", newline="") as report:
        assert list(csv.reader(report, delimiter=";")) == [
            ["file", "line", "heading", "rule"],
            ["records", "101", "", "a line has as many values as there are headings"],
            ["records", str(people + 3), "ins", "no person is registered under this INS"],
        ]
    assert earlier_system.ins(19_999) not in output + (tmp_path / "report").read_text()


@pytest.mark.long
def test_a_command_whose_identity_is_gone_changes_nothing_and_may_be_repeated(
    command: Command, opened: Database[dict[str, Any]], answering: Answering, tmp_path: Path
) -> None:
    file = earlier_system.write(tmp_path / "records.csv", 20)
    answering.identity.is_down = True
    code, logged, output = ended(command(file))
    answering.identity.is_down = False
    assert (code, "records.stopped" in logged) == (75, True), output
    assert opened["records"].count_documents({}) == 0


@pytest.mark.long
def test_a_file_that_is_none_or_missing_ends_the_command_with_a_rule(command: Command, tmp_path: Path) -> None:
    file = earlier_system.write(tmp_path / "records.csv", 5)
    content = file.read_bytes()
    for wrong, event in (
        (content.replace(b"ins;", b"nir;", 1), "records.refused"),
        (b"", "records.refused"),
        (content[:-20], "records.incomplete"),
    ):
        file.write_bytes(wrong)
        code, logged, output = ended(command(file))
        assert (code, event in logged) == (65, True), output
    file.unlink()
    code, logged, output = ended(command(file))
    assert (code, "records.unreadable" in logged) == (65, True), output
