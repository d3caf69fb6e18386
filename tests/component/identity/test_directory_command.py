"""The command `carnet-directory`, run as an operator runs it: a process of its own with identity's settings."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from carnet.identity.v1 import directory_service_pb2 as pb
from carnet.identity.v1 import directory_service_pb2_grpc as pb_grpc
from carnet_dev.extracts import Extracts, finess, rpps, write
from component.identity.conftest import Start
from component.identity.neighbours import Neighbours
from pymongo import MongoClient
from pymongo.database import Database
from support.stores_fixtures import TestStores
from support.waiting import wait_until

ACTIVITIES = 1000
Command = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def command(settings_on: Callable[[str], dict[str, str]], database_name: str, tmp_path: Path) -> Command:
    """Starts the command on the database of this test."""
    settings = settings_on(database_name)

    def started(made: Extracts, *, driver: str = "motor") -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
        environment |= {f"CARNET_{name.upper()}": value for name, value in {**settings, "mongo_driver": driver}.items()}
        arguments = ["--professionals", str(made.professionals), "--structures", str(made.structures), "--report", str(tmp_path / "report")]
        program = [sys.executable, "-m", "carnet_identity.directory_import.main", "import", *arguments]
        return subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return started


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Its exit code, the last line of each kind that it logged, and all it wrote."""
    output, _ = process.communicate(timeout=120)
    logged = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return process.returncode, {line["event"]: line for line in logged}, output


def is_half_done(database: Database[dict[str, Any]]) -> bool:
    """Whether some professionals are stored for good."""
    return database["directory_imports"].find_one({"phase": "professionals"}) is not None


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
def test_an_operator_imports_both_files_and_reads_what_was_refused(command: Command, tmp_path: Path, driver: str) -> None:
    made = write(tmp_path, ACTIVITIES)
    with made.professionals.open("a", encoding="utf-8") as file:
        file.write("8|CANARI|\n")
    code, logged, output = ended(command(made, driver=driver))
    assert code == 0, output
    imported = logged["directory.imported"]
    assert (imported["professionals"], imported["activities"], imported["refused"]) == (made.people, ACTIVITIES, 1)
    assert logged["directory.lines_refused"]["count"] == 1
    with (tmp_path / "report").open(encoding="utf-8", newline="") as report:
        assert list(csv.reader(report, delimiter=";")) == [
            ["file", "line", "heading", "rule"],
            ["professionals", str(ACTIVITIES + 2), "", "a line has as many values as there are headings"],
        ]
    assert "CANARI" not in output


def test_a_command_that_was_killed_is_gone_on_with(command: Command, stores: TestStores, database_name: str, tmp_path: Path) -> None:
    made = write(tmp_path, 20_000)
    process = command(made)
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
        rows = client[database_name]["professionals"]
        wait_until(lambda: is_half_done(client[database_name]) or process.poll() is not None, timedelta(seconds=60))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
        named = {row["rpps"]: row["_id"] for row in rows.find({}, {"rpps": 1})}
        assert 0 < len(named) < made.people
        code, logged, output = ended(command(made))
        assert code == 0, output
        assert logged["directory.storing"]["resumed"] is True
        assert (logged["directory.imported"]["professionals"], rows.estimated_document_count()) == (made.people, made.people)
        assert {row["rpps"]: row["_id"] for row in rows.find({"rpps": {"$in": list(named)}}, {"rpps": 1})} == named


@pytest.mark.long
def test_a_command_whose_store_is_lost_says_so_and_is_gone_on_with(
    command: Command, stores: TestStores, database_name: str, tmp_path: Path
) -> None:
    """C6: nothing is taken as stored that may not be."""
    made = write(tmp_path, 20_000)
    process = command(made)
    assert stores.mongod is not None
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
        rows = client[database_name]["professionals"]
        wait_until(lambda: is_half_done(client[database_name]) or process.poll() is not None, timedelta(seconds=60))
        stores.mongod.kill()
        try:
            code, logged, output = ended(process)
        finally:
            stores.mongod.restart()
        assert (code, "directory.stopped" in logged) == (75, True), output
        assert ended(command(made))[0] == 0
        assert rows.estimated_document_count() == made.people


@pytest.mark.long
def test_a_command_that_is_asked_to_stop_says_so(command: Command, stores: TestStores, database_name: str, tmp_path: Path) -> None:
    process = command(write(tmp_path, 20_000))
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
        wait_until(lambda: is_half_done(client[database_name]) or process.poll() is not None, timedelta(seconds=60))
    process.terminate()
    code, logged, output = ended(process)
    assert (code, "directory.stopped" in logged) == (75, True), output


@pytest.mark.long
def test_a_file_that_is_none_or_missing_ends_the_command_with_a_rule(command: Command, tmp_path: Path) -> None:
    made = write(tmp_path, 100)
    content = made.professionals.read_bytes()
    for wrong, event in (
        (content.decode().encode("latin-1"), "directory.refused"),
        (content.replace(b"|", b";"), "directory.refused"),
        (b"", "directory.refused"),
        (content[:-20], "directory.incomplete"),
    ):
        made.professionals.write_bytes(wrong)
        code, logged, output = ended(command(made))
        assert (code, event in logged) == (65, True), output
    made.professionals.unlink()
    code, logged, output = ended(command(made))
    assert (code, "directory.unreadable" in logged) == (65, True), output


def test_who_leaves_is_told_to_consent_by_the_identities_that_run(
    start: Start, command: Command, neighbours: Neighbours, database_name: str, tmp_path: Path
) -> None:
    """C2: the import runs by itself, beside an identity that needs no restart."""
    made = write(tmp_path, 400)
    assert ended(command(made))[0] == 0
    with start(database_name, directory_file="") as identity, identity.stub(pb_grpc.DirectoryServiceStub, "audit") as directory:
        gone = directory.LookupProfessional(pb.LookupProfessionalRequest(rpps=rpps(3)), timeout=10).professional
        assert gone.structures
        assert (gone.national_id, len(gone.activities)) == (f"8{rpps(3)}", len(gone.structures))
        site = directory.LookupStructure(pb.LookupStructureRequest(finess=finess(1)), timeout=10).structure
        assert (len(site.siret), site.siren, len(site.entity_finess)) == (14, site.siret[:9], 9)
        code, logged, output = ended(command(write(tmp_path, 400, left=frozenset({3}))))
        assert (code, logged["directory.imported"]["withdrawn_professionals"]) == (0, 1), output
        wait_until(lambda: gone.name in neighbours.consent.withdrawals)
        assert not directory.LookupProfessional(pb.LookupProfessionalRequest(rpps=rpps(3)), timeout=10).professional.structures
