"""``make demo STORY=minor``, a suspended mandate under load, and a minor's secret in her mother's whole view."""

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import grpc
import pytest
from carnet.audit.v1.audit_reader_service_pb2 import HistoryLine
from carnet.documents.v1.document_entry_pb2 import DocumentEntry, Visibility
from carnet.documents.v1.document_lifecycle_service_pb2 import MaskDocumentRequest
from carnet.documents.v1.document_query_service_pb2 import SearchDocumentsRequest
from carnet.identity.v1 import mandate_service_pb2 as pb
from carnet.identity.v1.patient_pb2 import Ins
from carnet_client import Refused, UserSession, request_id
from carnet_dev.demo.cast import Cast
from carnet_dev.local_run import LocalRun
from carnet_dev.suspension import resume, suspend
from support.canaries import found_in, invented_word, remembered, stored, together_in
from support.canaries import told as told_lines
from support.cda import TEST_INS_AUTHORITY
from support.people import BLOCK, HERSELF, TREATMENT, Somebody, invented, state, with_record
from support.waiting import elapsed, eventually, eventually_given

LANES, ROUNDS = 4, 5
PERMITS_ENDED = 0.45
"""Seconds after which no permit given before can be in hand (400 ms)."""
MOTHER_BORN = "19850612"


async def told(carnet: LocalRun) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "carnet_dev.demo", "--story", "minor", "--folder", str(carnet.folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_the_story_of_the_minor_ends_as_told_and_can_be_told_again(carnet: LocalRun, times: int) -> None:
    """C4, C9 and rules.md 12: every check of the story, also over a record of which it was told before."""
    for _ in range(times):
        code, said = await told(carnet)
        assert code == 0, said
        assert "NOT AS THE STORY SAYS" not in said


@dataclass
class Lane:
    """One child and her mother, and what the mother's readings came to since the present round began."""

    child: Somebody
    mother: Somebody
    document: str
    herself: UserSession
    mandate: str = ""
    reader: UserSession | None = None
    seen: list[tuple[float, str]] = field(default_factory=list)
    """(when the read began, what it came to)."""
    acknowledged: float = float("inf")


async def a_family(cast: Cast, doctor: UserSession) -> Lane:
    """A child with a record of one document, and her mother."""
    child = await with_record(doctor, invented("ENFANT"), birth_date=born_years_ago(15))
    mother = await with_record(doctor, invented("MERE"))
    deposit = await doctor.deposit(child.record, child.document(1, birth_time=born_years_ago(15)))
    return Lane(child, mother, deposit.entry.name, await cast.session(f"ins:{child.ins}", "portal", HERSELF))


def born_years_ago(years: int) -> str:
    """A birth date some days past that many years ago."""
    today = datetime.now(UTC)
    return f"{today.year - years - 1}1231" if (today.month, today.day) < (1, 20) else f"{today.year - years}0101"


async def registered(doctor: UserSession, lane: Lane, evidence: str = "family record book") -> str:
    """The mother's mandate, on evidence."""
    match = pb.MandataryMatch(
        ins=Ins(value=lane.mother.ins, authority=TEST_INS_AUTHORITY),
        family_name=lane.mother.family_name,
        given_name=lane.mother.given_name,
        birth_date=MOTHER_BORN,
    )
    request = pb.RegisterMandateRequest(
        request_id=request_id(),
        holder=lane.child.patient,
        mandatary=match,
        kind=pb.MANDATE_KIND_MINOR_REPRESENTATION,
        relation=pb.MANDATE_RELATION_MOTHER,
        evidence=evidence,
    )
    answer = await doctor.connection.mandates.RegisterMandate(request, metadata=await doctor.metadata(), timeout=20)
    return answer.mandate.name


async def keep_reading(lane: Lane, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began, reader = time.monotonic(), lane.reader
        assert reader is not None
        try:
            await reader.read(lane.document)
        except Refused as refused:
            lane.seen.append((began, refused.reason or refused.code.name))
        else:
            lane.seen.append((began, "answered"))


async def one_round(cast: Cast, doctor: UserSession, lane: Lane) -> None:
    """Register, see it read, suspend, see every later read refused."""
    lane.mandate = await registered(doctor, lane)
    lane.reader = await cast.session(f"ins:{lane.mother.ins}", "portal", HERSELF, mandate=lane.mandate)
    lane.seen.clear()
    stop = asyncio.Event()
    readers = [asyncio.ensure_future(keep_reading(lane, stop)) for _ in range(2)]
    await eventually(lambda: any(what == "answered" for _, what in lane.seen))
    request = pb.SuspendMandateRequest(request_id=request_id(), mandate=lane.mandate, reason="a danger")
    await lane.herself.connection.mandates.SuspendMandate(request, metadata=await lane.herself.metadata(), timeout=20)
    acknowledged = time.monotonic()
    await eventually(lambda: sum(began > acknowledged for began, _ in lane.seen) >= 3)
    stop.set()
    await asyncio.gather(*readers)
    assert {what for began, what in lane.seen if began > acknowledged} == {"SESSION_WITHDRAWN"}


@pytest.mark.long
async def test_no_read_that_begins_after_a_suspension_is_acknowledged_is_answered(carnet: LocalRun) -> None:
    """C4 for mandates: twenty suspensions, two readers each; every one is registered anew on evidence, and suspended again."""
    async with AsyncExitStack() as stack:
        cast = await stack.enter_async_context(Cast(carnet.folder))
        alice = await cast.member("alice")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        lanes = [await a_family(cast, doctor) for _ in range(LANES)]

        async def rounds(lane: Lane) -> None:
            for _ in range(ROUNDS):
                await one_round(cast, doctor, lane)

        await asyncio.gather(*(rounds(lane) for lane in lanes))


@pytest.mark.this_machine("a process that it can suspend")
async def test_without_identity_nothing_is_read_under_a_mandate_and_the_holder_reads_on(carnet: LocalRun) -> None:
    """Promise 3: consent asks identity at each decision what is hidden from a mandatary; without an answer nothing is decided."""
    async with Cast(carnet.folder) as cast:
        alice = await cast.member("alice")
        lane = await a_family(cast, await cast.session("alice", "software/gp", TREATMENT, alice.structure))
        mandate = await registered(await cast.session("alice", "software/gp", TREATMENT, alice.structure), lane)
        mother = await cast.session(f"ins:{lane.mother.ins}", "portal", HERSELF, mandate=mandate)
        await mother.read(lane.document)
        suspend(carnet.pid("identity"))
        try:
            await elapsed(PERMITS_ENDED)
            with pytest.raises(Refused) as refused:
                await mother.read(lane.document)
            assert refused.value.code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
            await lane.herself.read(lane.document)
        finally:
            resume(carnet.pid("identity"))

        await eventually_given(lambda: mother.read(lane.document), lambda error: isinstance(error, Refused))


@pytest.mark.parametrize("labels", [[Visibility.VISIBILITY_HIDDEN_FROM_REPRESENTATIVES]])
async def test_a_minors_secret_changes_nothing_in_her_mothers_view(carnet: LocalRun, labels: list[Visibility.ValueType]) -> None:
    """C9: lists, counts, entries and refusals are byte for byte the same with and without it; the history is not told her at all."""
    async with Cast(carnet.folder) as cast:
        alice = await cast.member("alice")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        lane = await a_family(cast, doctor)
        mandate = await registered(doctor, lane)
        mother = await cast.session(f"ins:{lane.mother.ins}", "portal", HERSELF, mandate=mandate)
        before = await whole_view(mother, lane, f"{lane.child.record}/documents/{'a' * 26}")
        content = lane.child.document(2, birth_time=born_years_ago(15))
        secret = await doctor.deposit(lane.child.record, content, DocumentEntry(mime_type="text/xml", visibilities=labels))
        assert await whole_view(mother, lane, secret.entry.name) == before
        assert secret.entry.name in {entry.name for entry in await lane.herself.search(lane.child.record)}


async def test_what_a_representative_does_stands_in_the_childs_history_as_hers(carnet: LocalRun) -> None:
    """rules.md 12 and 19: she reads, deposits class 90 alone, masks and blocks under her own name; the child reads who it was."""
    async with Cast(carnet.folder) as cast:
        alice, bruno = await cast.member("alice"), await cast.member("bruno")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        lane = await a_family(cast, doctor)
        mandate = await registered(doctor, lane)
        mother = await cast.session(f"ins:{lane.mother.ins}", "portal", HERSELF, mandate=mandate)
        await mother.read(lane.document)
        of_class_90 = lane.child.document(5, birth_time=born_years_ago(15), type_code="DOCPAT01", type_system="1.2.250.1.213.1.1.4.12")
        deposited = await mother.deposit(lane.child.record, of_class_90)
        with pytest.raises(Refused, match="CLASS_NOT_DEPOSITABLE"):
            await mother.deposit(lane.child.record, lane.child.document(6, birth_time=born_years_ago(15)))
        await state(mother, lane.child.record, bruno.name, BLOCK)
        request = MaskDocumentRequest(request_id=request_id(), name=deposited.entry.name)
        await mother.connection.lifecycle.MaskDocument(request, metadata=await mother.metadata(), timeout=20)
        wanted = {"document.read", "document.deposited", "document.deposit_refused", "block.created", "document.masked"}

        async def hers() -> list[HistoryLine]:
            return [one for one in await lane.herself.history(lane.child.record) if one.event.actor.role == "REPRESENTATIVE"]

        async def all_told() -> None:
            assert wanted <= {line.event.kind for line in await hers()}

        await eventually_given(all_told, lambda error: isinstance(error, AssertionError))
        lines = await hers()
    assert {(line.event.actor.subject, line.event.actor.mandate) for line in lines} == {(lane.mother.patient, mandate)}
    assert {line.actor_name for line in lines} == {"a legal representative"}


async def test_nothing_at_rest_or_in_a_log_says_who_acts_for_whom(carnet: LocalRun) -> None:
    """Canaries, and names that must not stand together: who with whom is next to health."""
    evidence, reason = invented_word(), invented_word()
    async with Cast(carnet.folder) as cast:
        alice = await cast.member("alice")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        lane = await a_family(cast, doctor)
        mandate = await registered(doctor, lane, evidence)
        mother = await cast.session(f"ins:{lane.mother.ins}", "portal", HERSELF, mandate=mandate)
        await mother.read(lane.document)
        hide = pb.SetPlaceOfCareHiddenRequest(request_id=request_id(), holder=lane.child.patient, structure=alice.structure, hidden=True)
        await lane.herself.connection.mandates.SetPlaceOfCareHidden(hide, metadata=await lane.herself.metadata(), timeout=20)
        request = pb.SuspendMandateRequest(request_id=request_id(), mandate=mandate, reason=reason)
        await lane.herself.connection.mandates.SuspendMandate(request, metadata=await lane.herself.metadata(), timeout=20)
    places = [*stored(carnet), *told_lines(carnet), *remembered(carnet)]
    assert found_in(places, {"evidence": evidence, "reason": reason}) == set()
    # An entry of the oplog holds whatever one transaction wrote, such as all that the log took in at once.
    rows = [place for place in places if place.where != "local.oplog.rs"]
    child, parent = [lane.child.patient], [lane.mother.patient]
    assert together_in(rows, child, parent) == set()
    assert together_in(rows, [mandate], [*child, *parent, lane.child.record]) == set()
    assert together_in(rows, child, [alice.structure]) == set()


async def whole_view(mother: UserSession, lane: Lane, other: str) -> list[str]:
    """Everything the mother can ask about the record, as text."""
    request = SearchDocumentsRequest(parent=lane.child.record, purpose=HERSELF, page_size=50)
    page = await mother.connection.documents.SearchDocuments(request, metadata=await mother.metadata(), timeout=20)
    view = [str(page), str((await mother.read(lane.document)).entry)]
    for asked in (mother.read(other), mother.history(lane.child.record), mother.export_history(lane.child.record)):
        with pytest.raises(Refused) as refused:
            await asked
        view.append(str(replace(refused.value, request_id="")))
    return view
