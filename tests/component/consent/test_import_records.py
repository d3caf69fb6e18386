"""The import of an earlier system's records, on a real store: what is stored, told and refused, and that the same line is one record."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as pb
from carnet_consent.clients.import_references import ImportReferences
from carnet_consent.domain.closing import Terms
from carnet_consent.domain.import_line import ImportLine
from carnet_consent.domain.importing import ImportRules, Resolved
from carnet_consent.domain.stating import Durations
from carnet_consent.record_import.main import Progress
from carnet_consent.storage.import_file import ImportFile, Place
from carnet_consent.storage.indexes import RECORD_IMPORTS
from carnet_consent.usecases.import_records import ImportCounts, ImportRecords
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Unavailable
from carnet_platform.imports.progress import VALIDATOR, ImportProgress, SupersededError
from carnet_platform.mongo import ensure_collection
from carnet_verify.words import put_into_words
from component.consent.conftest import KEYS, Running, Someone
from component.consent.life import events, get, look_up
from google.protobuf.json_format import MessageToDict
from support import earlier_system
from support.drivers import AT_LENGTH_ON_BOTH
from support.earlier_system import HEADINGS, Identity, doctor, hospital, line, nurse

BOTH_DRIVERS = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)
RULES = ImportRules(Durations(), Terms(), frozenset({"10", "60"}), frozenset({"FERMETURE_DEMANDE_PATIENT", "FERMETURE_DECES"}))
PARIS_MIDNIGHT = datetime(2012, 2, 29, 23, tzinfo=UTC)


class FromTheStart:
    """Progress that is not kept."""

    def __init__(self) -> None:
        self.reached_places: list[Place] = []

    async def begin(self) -> tuple[Place, ImportCounts]:
        return Place(), ImportCounts()

    async def reached(self, place: Place, counts: ImportCounts) -> None:
        del counts
        self.reached_places.append(place)


class Stub:
    """Stands for the channel to identity: the same answers without the wire."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    async def ResolveReferences(self, request: Any, timeout: float) -> Any:  # noqa: ANN401, ASYNC109, N802
        assert timeout > 0
        if self.identity.is_down:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "identity does not answer")
        return self.identity.answer(request)


class Importing:
    """An import into one database."""

    def __init__(self, running: Running, folder: Path) -> None:
        self.running, self.folder = running, folder
        self.headings = HEADINGS
        self.identity = Identity()
        self.stub = Stub(self.identity)
        self.refused: list[tuple[int, str, str]] = []
        self.rules = RULES
        self.kept = FromTheStart()

    def file(self, *lines: str) -> ImportFile:
        """A file of these lines."""
        path = self.folder / "records.csv"
        path.write_text("\n".join([self.headings, *lines]) + "\n", encoding="utf-8")
        return ImportFile(path, "utf-8")

    async def __call__(self, *lines: str, references: Any = None) -> tuple[int, int, int]:  # noqa: ANN401 - a port
        """Imports them; how many were taken, were there, were refused."""
        self.refused.clear()
        stub: Any = lambda: self.stub  # noqa: E731  # a peer gives its stub
        changes = self.running.consent.passing.changes
        importing = ImportRecords(changes, references or ImportReferences(stub), self.rules, b"k" * 32, self._note)
        counts = await importing(self.file(*lines), self.kept)
        return counts.imported, counts.unchanged, counts.refused

    def _note(self, kind: str, number: int, field: str, rule: str) -> None:
        assert kind == "records"
        self.refused.append((number, field, rule))

    async def record(self, number: int) -> str:
        """The name of a person's record; empty for none."""
        found = await self.running.database["records"].find_one({"patient": f"patients/p{number}"})
        return "" if found is None else str(found["_id"])


@pytest.fixture
def importing(running: Running, tmp_path: Path) -> Importing:
    """An import into a store without records."""
    return Importing(running, tmp_path)


def holder(number: int) -> Someone:
    """The person of a line."""
    return Someone(f"patients/p{number}", "PATIENT", purpose="PATIENT_REQUEST")


def known_doctor(number: int) -> Someone:
    """A doctor whom lines name."""
    return Someone(f"professionals/{doctor(number)[1:]}", "10", "structures/elsewhere")


@BOTH_DRIVERS
async def test_a_record_is_taken_over_with_its_dates_its_evidence_and_what_was_stated(importing: Importing) -> None:
    stated = {
        "authorisations": f"{doctor(1)}:10 2026-05-01 2027-04-30,{hospital(1)} 2020-01-01 2021-01-01",
        "blocks": f"{doctor(2)} 2019-01-01,{doctor(4)} 2014-01-01 2015-01-01",
        "care_relations": f"{nurse(1)} 2026-09-01",
        "attending_physician": f"{doctor(3)} 2018-01-01",
        "attending_physician_confirmed": "1",
    }
    assert await importing(line(1, **stated)) == (1, 0, 0)

    running, record = importing.running, await importing.record(1)
    seen = await get(running, record, holder(1))
    assert seen.state == record_pb2.RECORD_STATE_ACTIVE
    assert seen.open_time.ToDatetime(UTC) == PARIS_MIDNIGHT
    assert (seen.evidence.form, seen.evidence.form_version) == ("Formulaire de consentement", "2")
    assert seen.evidence.collected_by == known_doctor(1).subject
    assert seen.evidence.collect_time == seen.open_time
    assert (seen.emergency_switches.dispatch, seen.emergency_switches.break_glass) == (True, True), "rules.md 9"
    assert not seen.emergency_switches.masked_documents
    answers = [await running.answer(known_doctor(number), record) for number in (1, 2, 4)]
    assert answers == ["permit", "BLOCKED", "NEEDS_CONSENT"]
    found = await look_up(running, known_doctor(1), "patients/p1")
    assert found.availability == pb.RECORD_AVAILABILITY_AUTHORISED

    told = await events(running, record)
    assert [one.kind for one in told] == [
        "record.imported",
        "block.imported",
        "authorisation.imported",
        "authorisation.imported",
        "care_relation.imported",
        "attending_physician.imported",
    ]
    assert told[0].begin_time.startswith("2012-02-29T23:00:00")
    names = {known_doctor(1).subject: "Dr Bruno EXEMPLE"}
    for language, words in (("en", "since 01/03/2012 at 00:00:00"), ("fr", "depuis le 01/03/2012 à 00:00:00")):
        text = put_into_words(MessageToDict(told[0], preserving_proto_field_name=True), names, language, holder="patients/p1").text
        assert words in text
        assert "Formulaire de consentement 2, signé sur papier" in text


async def test_a_closed_record_is_taken_over_as_closed_and_reads_nothing(importing: Importing) -> None:
    closed = {"closed": "2024-06-30", "closing_code": "FERMETURE_DEMANDE_PATIENT"}
    assert await importing(line(1, **closed), line(earlier_system.DECEASED, **closed)) == (2, 0, 0)

    seen = await get(importing.running, await importing.record(1), holder(1))

    assert seen.state == record_pb2.RECORD_STATE_CLOSED
    assert seen.closing.motive_code == "FERMETURE_DEMANDE_PATIENT"
    assert seen.closing.close_time.ToDatetime(UTC) == datetime(2024, 6, 29, 22, tzinfo=UTC)
    assert seen.closing.destroy_time.ToDatetime(UTC).year == 2034, "CSP L1111-18"
    assert await importing.running.answer(known_doctor(1), await importing.record(1)) == "RECORD_CLOSED"
    assert [one.kind for one in await events(importing.running, await importing.record(1))] == [
        "record.imported",
        "record.closing_imported",
    ]


@BOTH_DRIVERS
async def test_the_same_line_again_changes_nothing_whatever_its_holder_has_changed_since(importing: Importing) -> None:
    lines = [line(number, authorisations=f"{doctor(1)} 2026-05-01") for number in range(30)]
    assert await importing(*lines) == (30, 0, 0)
    record = await importing.record(3)
    await importing.running.state(holder(3), record, known_doctor(1).subject, "BLOCK")
    told = len(await events(importing.running, record))

    assert await importing(*lines, lines[3]) == (0, 31, 0)
    importing.headings = ";".join(reversed(HEADINGS.split(";")))
    assert await importing(*(";".join(reversed(one.split(";"))) for one in lines)) == (0, 30, 0)

    assert await importing.running.answer(known_doctor(1), record) == "BLOCKED"
    assert len(await events(importing.running, record)) == told


async def test_another_line_for_a_person_who_has_a_record_is_refused(importing: Importing) -> None:
    importing.identity.persons = {**importing.identity.persons, earlier_system.ins(70_000): 2}
    await importing(line(1))

    assert await importing(line(1, opened="2013-01-01"), line(2), line(70_000), line(2)) == (1, 1, 2)

    rule = "the person has a record that this line did not make, or one is announced, opposed or destroyed"
    assert importing.refused == [(2, "ins", rule), (4, "ins", rule)]


async def test_two_imports_of_the_same_file_at_once_store_each_record_once(importing: Importing, running: Running, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Importing(running, tmp_path / "other")
    lines = [line(number) for number in range(60)]

    first, second = await asyncio.gather(importing(*lines), other(*lines))

    assert first[0] + second[0] == 60
    assert (first[2], second[2]) == (0, 0)
    assert await running.database["records"].count_documents({}) == await running.database["changes"].count_documents({}) == 60


async def test_two_systems_records_of_the_same_people_at_once_leave_each_person_one(
    importing: Importing, running: Running, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Importing(running, tmp_path / "other")

    first, second = await asyncio.gather(
        importing(*(line(number) for number in range(60))), other(*(line(number, opened="2013-01-01") for number in range(60)))
    )

    assert (first[0] + second[0], first[2] + second[2]) == (60, 60)
    assert await running.database["records"].count_documents({}) == await running.database["changes"].count_documents({}) == 60


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"ins_authority": "1.2.250.1.213.1.4.8"}, "ins_authority"),
    ({"ins": earlier_system.ins(9999)}, "ins"),
    ({"ins": earlier_system.ins(earlier_system.NOT_QUALIFIED)}, "ins"),
    ({"ins": earlier_system.ins(earlier_system.DECEASED)}, "ins"),
    ({"opened": "2999-01-01"}, "opened"),
    ({"evidence_collected_by": "810000000000"}, "evidence_collected_by"),
    ({"authorisations": f"{doctor(1)}:77 2026-01-01"}, "authorisations[0]"),
    ({"authorisations": f"{doctor(1)} 2026-01-01,1750100125 2026-01-01 2027-01-01"}, "authorisations[1]"),
    ({"blocks": f"{doctor(1)} 2026-01-01 2025-01-01"}, "blocks[0]"),
    ({"attending_physician": f"{nurse(1)} 2026-01-01"}, "attending_physician"),
    ({"closed": "2014-01-01", "closing_code": "FERMETURE_DEMANDE_PATIENT"}, "closed"),
]


async def test_each_refused_line_is_told_by_number_heading_and_rule_and_the_others_are_taken(importing: Importing) -> None:
    wrong = [line(number, **changed) for number, (changed, _) in enumerate(REFUSED)]
    assert await importing(*wrong, line(100)) == (1, 0, len(REFUSED))
    assert [(number, heading) for number, heading, _ in importing.refused] == [(n, field) for n, (_, field) in enumerate(REFUSED, 2)]
    rules = "".join(rule for _, _, rule in importing.refused)
    assert not any(value in rules for changed, _ in REFUSED for value in changed.values())
    assert await importing.running.database["records"].count_documents({}) == 1


async def test_only_people_of_the_open_departements_are_taken(importing: Importing) -> None:
    """domain.md 2: departements are opened one by one; who lives nobody knows where waits, as who lives elsewhere."""
    importing.rules = ImportRules(Durations(), Terms(), RULES.professions, RULES.closing_codes, frozenset({"67", "2A"}))
    assert await importing(line(1), line(earlier_system.ABROAD), line(earlier_system.NOWHERE)) == (1, 0, 2)
    assert [heading for _, heading, _ in importing.refused] == ["ins", "ins"]


async def test_identity_is_asked_once_for_a_batch_and_a_lost_one_ends_the_import(importing: Importing) -> None:
    lines = [line(number, blocks=f"{doctor(number + 10)} 2020-01-01") for number in range(230)]
    assert await importing(*lines) == (230, 0, 0)
    assert importing.identity.calls == 2
    assert [place.number for place in importing.kept.reached_places] == [201, 231]

    importing.identity.is_down = True
    with pytest.raises(Unavailable):
        await importing(line(1000))
    assert await importing.record(1000) == ""


async def test_an_import_that_is_stopped_while_identity_hangs_stores_nothing_half(importing: Importing) -> None:
    class Hangs:
        asked = asyncio.Event()

        async def resolve(self, lines: Sequence[ImportLine]) -> Resolved:
            del lines
            self.asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    task = asyncio.create_task(importing(line(1), references=Hangs()))
    await Hangs.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await importing.running.database["records"].count_documents({}) == 0


@dataclass(frozen=True)
class Operated:
    """What the progress of the command needs of its process."""

    logger: Any = field(default_factory=structlog.get_logger)


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_an_import_goes_on_behind_what_is_stored_with_the_same_report_and_from_the_start_without_it(
    database: tuple[Any, Any], tmp_path: Path
) -> None:
    imports, report = await ensure_collection(database[1], RECORD_IMPORTS, validator=VALIDATOR), tmp_path / "report"

    def progress(files: str = "files") -> Progress:
        platform: Any = Operated()
        return Progress(ImportProgress(imports, KEYS, SystemClock(), files, "records"), report, platform)

    first = progress()
    assert await first.begin() == (Place(), ImportCounts())
    first.refuse("records", 3, "ins", "a rule")
    await first.reached(Place(1000, 201), ImportCounts(198, 1, 1))
    first.refuse("records", 300, "ins", "written and never reached")
    first.close()

    second = progress()
    assert await second.begin() == (Place(1000, 201), ImportCounts(198, 1, 1))
    second.close()
    assert report.read_text().splitlines() == ["file;line;heading;rule", "records;3;ins;a rule"]
    with pytest.raises(SupersededError):
        await first._kept.reached("records", "")

    report.unlink()
    for again in (progress(), progress("others")):
        assert await again.begin() == (Place(), ImportCounts())
        again.close()


async def test_a_record_that_was_taken_out_of_the_store_is_not_made_again(importing: Importing) -> None:
    await importing(line(1))
    await importing.running.database["records"].delete_many({})
    assert await importing(line(1)) == (0, 0, 1)
    assert "call the operator" in importing.refused[0][2]
