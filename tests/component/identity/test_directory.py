"""The directory: importing its file, looking up, display names."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from carnet.identity.v1 import directory_service_pb2 as pb
from carnet.identity.v1 import directory_service_pb2_grpc as pb_grpc
from carnet_dev.people import DIRECTORY_FILE
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.indexes import open_collections
from carnet_identity.usecases.import_directory import ImportDirectory
from component.identity.conftest import Start
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import HOSPITAL, PRACTICE, Running, await_that, lines, refused

ALICE, BRUNO = "99700366240", "99700218896"
END = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def document() -> dict[str, Any]:
    """Five structures and five professionals of the development directory."""
    document: dict[str, Any] = json.loads(DIRECTORY_FILE.read_text(encoding="utf-8"))
    # The first five of each: the file grows with the demonstration.
    return {name: entries[:5] for name, entries in copy.deepcopy(document).items()}


@pytest.fixture
def directory(identity: Running) -> Iterator[Any]:
    with identity.stub(pb_grpc.DirectoryServiceStub, "audit") as stub:
        yield stub


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_names_stay_across_imports_and_the_same_file_writes_nothing(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    collections = await open_collections(database[1])
    store, due = DirectoryStore(collections.professionals, collections.structures), DueWithdrawals(collections.due_withdrawals)
    first = await ImportDirectory(store, due)(document, tokens_end=END)
    names = {rpps: one.name for rpps, one in (await store.professionals_by_rpps([ALICE, BRUNO])).items()}
    assert (first.professionals, first.changed_professionals, first.withdrawn_activities, first.refused) == (5, 5, 0, ())
    again = await ImportDirectory(store, due)(document, tokens_end=END)
    assert (again.changed_professionals, again.withdrawn_activities) == (0, 0)
    document["professionals"][0]["family_name"] = "AUTRE"
    document["professionals"].pop(1)
    changed = await ImportDirectory(store, due)(document, tokens_end=END)
    assert changed.changed_professionals == 1
    assert {rpps: one.name for rpps, one in (await store.professionals_by_rpps([ALICE, BRUNO])).items()} == names


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_an_activity_that_is_gone_is_due_to_be_withdrawn(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    collections = await open_collections(database[1])
    store, due = DirectoryStore(collections.professionals, collections.structures), DueWithdrawals(collections.due_withdrawals)
    await ImportDirectory(store, due)(document, tokens_end=END)
    bruno = (await store.professionals_by_rpps([BRUNO]))[BRUNO]
    document["professionals"][1]["structures"] = [HOSPITAL]
    assert (await ImportDirectory(store, due)(document, tokens_end=END)).withdrawn_activities == 1
    gone = bruno.structures[0].removeprefix("structures/")
    assert [(one.subject, one.expire_time) for one in await due.some()] == [(f"activities/{bruno.id}/{gone}", END)]
    await due.forget_expired(END)
    assert await due.some() == []


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_a_wrong_line_is_reported_with_its_rule_and_the_others_are_taken(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    collections = await open_collections(database[1])
    store, due = DirectoryStore(collections.professionals, collections.structures), DueWithdrawals(collections.due_withdrawals)
    professionals = document["professionals"]
    professionals[0]["rpps"] = "99700366241"
    professionals[2]["profession"] = "93"
    professionals[3]["structures"] = ["990000044", "750100125"]
    professionals.append(dict(professionals[1]))
    document["structures"][0]["finess"] = "990000011"
    report = await ImportDirectory(store, due)(document, tokens_end=END)
    assert [(one.place, one.field) for one in report.refused] == [
        ("structures[0]", "finess"),
        ("professionals[0]", "rpps"),
        ("professionals[2]", "profession"),
        ("professionals[3]", "structures"),
        ("professionals[5]", ""),
    ]
    assert "99700366241" not in str(report.refused)
    assert (report.structures, report.professionals) == (4, 2)


def test_a_professional_is_found_by_rpps(directory: Any, identity: Running) -> None:  # noqa: ANN401 - a stub
    found = directory.LookupProfessional(pb.LookupProfessionalRequest(rpps="997 0036 6240"), timeout=10).professional
    assert (found.rpps, found.profession, found.specialty, found.title) == (ALICE, "10", "SM26", "Dr")
    assert list(found.structures) == [identity.structure(PRACTICE)]
    wrong = refused(lambda: directory.LookupProfessional(pb.LookupProfessionalRequest(rpps="99700366241"), timeout=10))
    assert (wrong.code, wrong.reason, wrong.field) == (grpc.StatusCode.INVALID_ARGUMENT, "RPPS_INVALID", "rpps")
    unknown = refused(lambda: directory.LookupProfessional(pb.LookupProfessionalRequest(rpps="10100997245"), timeout=10))
    assert unknown.code is grpc.StatusCode.NOT_FOUND


def test_a_structure_is_found_by_finess(directory: Any) -> None:  # noqa: ANN401
    found = directory.LookupStructure(pb.LookupStructureRequest(finess=HOSPITAL), timeout=10).structure
    assert (found.finess, found.display_name) == (HOSPITAL, "Hôpital de la Fontaine")
    wrong = refused(lambda: directory.LookupStructure(pb.LookupStructureRequest(finess="990000037"), timeout=10))
    assert (wrong.reason, wrong.field) == ("FINESS_INVALID", "finess")


def test_display_names_come_at_once_and_unknown_ones_are_left_out(directory: Any, identity: Running) -> None:  # noqa: ANN401
    alice = directory.LookupProfessional(pb.LookupProfessionalRequest(rpps=ALICE), timeout=10).professional.name
    hospital = identity.structure(HOSPITAL)
    names = [alice, hospital, "professionals/aaaaaaaaaaaaaaaaaaaaaaaaaa", "patients/aaaaaaaaaaaaaaaaaaaaaaaaaa"]
    found = directory.BatchGetDisplayNames(pb.BatchGetDisplayNamesRequest(names=names), timeout=10).display_names
    assert [(one.name, one.display_name, one.profession) for one in found] == [
        (alice, "Dr Alice UNTEL", "10"),
        (hospital, "Hôpital de la Fontaine", ""),
    ]
    for wrong, field in ((["records/x"], "names[0]"), ([alice] * 201, "names"), ([alice, "x"], "names[1]")):
        request = pb.BatchGetDisplayNamesRequest(names=wrong)
        assert refused(partial(directory.BatchGetDisplayNames, request, timeout=10)).field == field


def test_a_professional_who_left_gets_no_token_and_consent_is_told(
    start: Start, provider: Provider, neighbours: Neighbours, database_name: str, tmp_path: Path, document: dict[str, Any]
) -> None:
    """C2: leaving a structure refuses at once."""
    with start(database_name) as identity:
        assert identity.exchange(provider.assertion()).access_token
    document["professionals"][0]["structures"] = []
    (tmp_path / "directory.json").write_text(json.dumps(document), encoding="utf-8")
    with start(database_name, directory_file=str(tmp_path / "directory.json")) as identity:
        assert refused(lambda: identity.exchange(provider.assertion())).reason == "USER_UNKNOWN"
        practice = identity.structure(PRACTICE).removeprefix("structures/")
        await_that(lambda: any(subject.startswith("activities/") and practice in subject for subject in neighbours.consent.withdrawals))
        imported = next(line for line in lines(identity.log) if line["event"] == "directory.imported")
        assert imported["withdrawn_activities"] == 1


def test_a_file_that_is_no_directory_stops_the_start(start: Start, database_name: str, tmp_path: Path) -> None:
    (tmp_path / "directory.json").write_text("[]", encoding="utf-8")
    with (
        pytest.raises(AssertionError, match="CARNET_DIRECTORY_FILE"),
        start(database_name, directory_file=str(tmp_path / "directory.json")),
    ):
        pass
