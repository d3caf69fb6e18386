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
from carnet_identity.domain.activity import day_in_paris
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import Professional
from carnet_identity.domain.directory_document import DirectoryDocument
from carnet_identity.domain.luhn import has_luhn_key
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.indexes import open_collections
from carnet_identity.usecases.import_directory import ImportDirectory, ImportReport
from carnet_platform.clock import SystemClock
from carnet_platform.envelope import EnvelopeError
from carnet_platform.keys import MasterKeys
from carnet_platform.rows import RowSeals
from component.identity.conftest import Start
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import HOSPITAL, PRACTICE, Running, lines, refused
from pymongo import MongoClient
from support.stores_fixtures import TestStores
from support.waiting import wait_until

ALICE, BRUNO = "99700366240", "99700218896"
END = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)


async def _stores(database: tuple[Any, Any]) -> tuple[DirectoryStore, DueWithdrawals]:
    collections = await open_collections(database[1])
    store = DirectoryStore(collections.professionals, collections.structures, KEYS, SystemClock())
    return store, DueWithdrawals(collections.due_withdrawals)


async def _imported(store: DirectoryStore, due: DueWithdrawals, document: dict[str, Any]) -> ImportReport:
    importing = ImportDirectory(store, due, most_withdrawn=0.2)
    return await importing(DirectoryDocument(document), day=day_in_paris(SystemClock().now()), tokens_end=lambda: END)


async def _everybody(store: DirectoryStore) -> dict[str, Professional]:
    return {one.rpps: one async for one in store.professionals_between("", None)}


def _invented(count: int) -> list[dict[str, Any]]:
    """Nurses of the hospital, with numbers that pass their check."""
    numbers = [number for number in map(str, range(99700600000, 99700600000 + 10 * count)) if has_luhn_key(number)]
    return [
        {"rpps": number, "family_name": "EXEMPLE", "given_name": "Eve", "profession": "60", "structures": [HOSPITAL]} for number in numbers
    ]


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


@BOTH_DRIVERS
async def test_names_stay_across_imports_and_the_same_file_writes_nothing(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    store, due = await _stores(database)
    first = await _imported(store, due, document)
    names = {rpps: one.name for rpps, one in (await _everybody(store)).items()}
    assert (first.professionals, first.changed_professionals, first.withdrawn_activities) == (5, 5, 0)
    again = await _imported(store, due, document)
    assert (again.changed_professionals, again.withdrawn_activities) == (0, 0)
    document["professionals"][0]["family_name"] = "AUTRE"
    document["professionals"].pop(1)
    changed = await _imported(store, due, document)
    assert (changed.changed_professionals, changed.withdrawn_professionals) == (1, 1)
    assert {rpps: one.name for rpps, one in (await _everybody(store)).items()} == names


@BOTH_DRIVERS
async def test_rows_of_the_first_form_are_read_and_keep_their_names(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    """What an earlier version stored: a structure with FINESS and name, a professional with one profession and names of structures."""
    store, due = await _stores(database)
    seals = {name: RowSeals(KEYS, name) for name in ("structures", "professionals")}
    site = seals["structures"].sealed({"_id": "s" * 26, "finess": PRACTICE, "display_name": "Cabinet"})
    names = {"rpps": ALICE, "family_name": "UNTEL", "given_name": "Alice", "title": "Dr"}
    row = {"_id": "p" * 26, **names, "profession": "10", "specialty": "SM26", "structures": [f"structures/{'s' * 26}"]}
    await database[1].command("collMod", "structures", validationLevel="off")
    await database[1].command("collMod", "professionals", validationLevel="off")
    await database[1]["structures"].insert_one(site)
    await database[1]["professionals"].insert_one(seals["professionals"].sealed(row))
    alice = await store.professional_by_rpps(ALICE)
    assert alice is not None
    assert (alice.profession, alice.specialty, alice.structures) == ("10", "SM26", (f"structures/{'s' * 26}",))
    await database[1].command("collMod", "structures", validationLevel="strict")
    await database[1].command("collMod", "professionals", validationLevel="strict")
    document["structures"][0]["display_name"] = "Autre"
    document["professionals"][0]["given_name"] = "Aline"
    await _imported(store, due, document)
    found, practice = await store.professional_by_rpps(ALICE), await store.structure_by_finess(PRACTICE)
    assert found is not None
    assert practice is not None
    assert (found.id, found.given_name, practice.id, practice.display_name) == ("p" * 26, "Aline", "s" * 26, "Autre")
    assert await due.some() == []


@BOTH_DRIVERS
async def test_an_activity_that_is_gone_is_due_to_be_withdrawn(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    store, due = await _stores(database)
    await _imported(store, due, document)
    bruno = (await _everybody(store))[BRUNO]
    document["professionals"][1]["structures"] = [HOSPITAL]
    assert (await _imported(store, due, document)).withdrawn_activities == 1
    gone = bruno.structures[0].removeprefix("structures/")
    assert [(one.subject, one.expire_time) for one in await due.some()] == [(f"activities/{bruno.id}/{gone}", END)]
    await due.forget_expired(END)
    assert await due.some() == []


@BOTH_DRIVERS
async def test_who_is_not_in_the_file_or_whose_line_is_malformed_is_withdrawn(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    """C2: access is never kept by being forgotten."""
    store, due = await _stores(database)
    await _imported(store, due, document)
    held = await _everybody(store)
    gone = [document["professionals"].pop(1)["rpps"], document["professionals"][0]["rpps"]]
    document["professionals"][0]["profession"] = "93"
    report = await _imported(store, due, document)
    assert (report.withdrawn_professionals, report.withdrawn_activities) == (2, 0)
    assert {(one.subject, one.expire_time) for one in await due.some()} == {(held[rpps].name, END) for rpps in gone}
    assert [(await _everybody(store))[rpps].structures for rpps in gone] == [(), ()]
    again = await _imported(store, due, document)
    assert (again.changed_professionals, again.withdrawn_professionals) == (0, 0)


@BOTH_DRIVERS
async def test_a_file_that_would_withdraw_too_many_changes_nothing(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    store, due = await _stores(database)
    document["professionals"] = _invented(40)
    await _imported(store, due, document)
    held = await _everybody(store)
    document["structures"][0]["display_name"] = "Autre"
    for left in (document["professionals"][9:], [{**one, "structures": []} for one in document["professionals"]]):
        with pytest.raises(BrokenRule, match="of 40 professionals would lose every activity"):
            await _imported(store, due, {**document, "professionals": left})
    assert await _everybody(store) == held
    assert await due.some() == []
    assert await database[1]["structures"].count_documents({"display_name": "Autre"}) == 0
    fewer = {**document, "professionals": document["professionals"][8:]}
    assert (await _imported(store, due, fewer)).withdrawn_professionals == 8


@BOTH_DRIVERS
@pytest.mark.parametrize(
    "edit",
    [
        {"_id": "a" * 26},
        {"rpps": ALICE},
        {"title": "Dr"},
        {"activities": []},
        {"activities": [{"structure": "structures/x"}]},
        {"seal": b""},
    ],
)
async def test_an_edited_row_is_neither_answered_nor_believed(
    database: tuple[Any, Any], document: dict[str, Any], edit: dict[str, Any]
) -> None:
    """C8: whoever edits the database gets no token and no name."""
    store, due = await _stores(database)
    await _imported(store, due, {**document, "professionals": _invented(2)})
    rows = database[1]["professionals"]
    row = await rows.find_one_and_delete({})
    await rows.insert_one({**row, **edit})
    edited = {**row, **edit}
    with pytest.raises(EnvelopeError):
        await store.professional_by_rpps(edited["rpps"])
    with pytest.raises(EnvelopeError):
        await store.professionals_of([edited["_id"]])
    assert edited["rpps"] not in await _everybody(store)
    await _imported(store, due, {**document, "professionals": _invented(2)})
    assert await rows.find_one({"_id": edited["_id"]}) == edited


@BOTH_DRIVERS
async def test_an_edited_structure_is_not_answered_and_nobody_works_there(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    store, due = await _stores(database)
    await _imported(store, due, {**document, "professionals": _invented(2)})
    await database[1]["structures"].update_one({"finess": HOSPITAL}, {"$set": {"display_name": "Autre"}})
    with pytest.raises(EnvelopeError):
        await store.structure_by_finess(HOSPITAL)
    assert (await _imported(store, due, {**document, "professionals": _invented(2)})).withdrawn_activities == 2


@BOTH_DRIVERS
async def test_a_wrong_line_is_reported_with_its_rule_and_the_others_are_taken(database: tuple[Any, Any], document: dict[str, Any]) -> None:
    store, due = await _stores(database)
    professionals = document["professionals"]
    professionals[0]["rpps"] = "99700366241"
    professionals[2]["profession"] = "93"
    professionals[3]["structures"] = ["990000044", "750100125"]
    professionals.append(dict(professionals[1]))
    document["structures"][0]["finess"] = "990000011"
    report = await _imported(store, due, document)
    refused_lines = DirectoryDocument(document).refused
    assert [(one.place, one.field) for one in refused_lines] == [
        ("structures[0]", "finess"),
        ("professionals[0]", "rpps"),
        ("professionals[2]", "profession"),
        ("professionals[3]", "structures"),
        ("professionals[5]", ""),
    ]
    assert "99700366241" not in str(refused_lines)
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
        wait_until(lambda: any(subject.startswith("activities/") and practice in subject for subject in neighbours.consent.withdrawals))
        imported = next(line for line in lines(identity.log) if line["event"] == "directory.imported")
        assert imported["withdrawn_activities"] == 1


@pytest.mark.long
def test_a_professional_who_is_forgotten_or_edited_gets_no_token(
    start: Start,
    stores: TestStores,
    provider: Provider,
    neighbours: Neighbours,
    database_name: str,
    tmp_path: Path,
    document: dict[str, Any],
) -> None:
    """C2 and C8."""
    with start(database_name) as identity:
        alice = identity.exchange(provider.assertion()).subject
        with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
            rows = client[database_name]["professionals"]
            row = rows.find_one_and_update({"rpps": ALICE}, {"$set": {"activities.0.profession": "60"}})
            assert refused(lambda: identity.exchange(provider.assertion())).code is grpc.StatusCode.INTERNAL
            assert row is not None
            rows.replace_one({"_id": row["_id"]}, row)
    assert ("directory.seal_broken", "error") in {(line["event"], line["level"]) for line in lines(identity.log)}
    del document["professionals"][0]
    (tmp_path / "directory.json").write_text(json.dumps(document), encoding="utf-8")
    with start(database_name, directory_file=str(tmp_path / "directory.json")) as identity:
        assert refused(lambda: identity.exchange(provider.assertion())).reason == "USER_UNKNOWN"
        wait_until(lambda: alice in neighbours.consent.withdrawals)


def test_a_file_that_is_no_directory_stops_the_start(start: Start, database_name: str, tmp_path: Path) -> None:
    (tmp_path / "directory.json").write_text("[]", encoding="utf-8")
    with (
        pytest.raises(AssertionError, match="CARNET_DIRECTORY_FILE"),
        start(database_name, directory_file=str(tmp_path / "directory.json")),
    ):
        pass
