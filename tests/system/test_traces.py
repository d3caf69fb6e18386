"""One trace from the caller through every service to MongoDB and Redis, told over OTLP to a real receiver.

Nothing is traced by chance here: what is asserted is what the caller's decision, a failure or an emergency brings.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterator
from datetime import timedelta
from time import monotonic

import pytest
from carnet.identity.v1.patient_pb2 import Ins
from carnet.identity.v1.patient_registry_service_pb2 import LookupPatientRequest
from carnet.identity.v1.session_service_pb2 import ExchangeAssertionRequest
from carnet_client import Refused, UserSession
from carnet_dev.local_run import LocalRun
from carnet_platform.telemetry import registry
from support.canaries import Place, found_in, invented_word
from support.cda import TEST_INS_AUTHORITY
from support.otlp import Received, Receiver
from support.people import TREATMENT, invented
from support.scenes import Scene, break_glass, played
from support.system_fixtures import RunningCarnet, require_stores, settings
from support.waiting import elapsed, eventually

pytestmark = pytest.mark.this_machine("processes that tell their spans to a receiver of the test")

PERMIT_SECONDS = 0.5
"""A permit serves further reads for 0.4 s after it was asked for."""
DECIDE = """\
{0}documents client carnet.consent.v1.AccessDecisionService/Decide
{0}  consent server carnet.consent.v1.AccessDecisionService/Decide
{0}    consent internal shared read
{0}      consent client update barriers
{0}      consent client aggregate records
"""
DEPOSIT = f"""\
documents server carnet.documents.v1.SubmissionService/SubmitDocument
{DECIDE.format("  ")}\
  documents client carnet.identity.v1.PatientReferenceService/MatchPatient
    identity server carnet.identity.v1.PatientReferenceService/MatchPatient
      identity client find patients
  documents internal shared round trip
    documents client find record_keys
  documents client insert documents
  documents client find changes
  documents client insert changes
  documents client insert additions
  documents client commitTransaction admin
"""
READ = f"""\
documents server carnet.documents.v1.DocumentQueryService/ReadDocument
{DECIDE.format("  ")}\
  documents internal shared round trip
    documents client aggregate documents
  documents internal shared round trip
    documents client find record_keys
  documents internal shared journal commit
    documents client insert journal
"""
BREAK_GLASS = """\
consent server carnet.consent.v1.EmergencyAccessService/BreakGlass
  consent client find fences
  consent client find requests
  consent client find records
  consent client find changes
  consent client update records
  consent client insert history
  consent client insert changes
  consent client insert emergency_reviews
  consent client update notices
  consent client insert requests
  consent client commitTransaction admin
"""
REFUSED = f"""\
documents server carnet.documents.v1.DocumentQueryService/SearchDocuments !NEEDS_CONSENT
{DECIDE.format("  ")}"""
SHIPPED = """\
{service} internal {name}
  {service} client carnet.audit.v1.AuditService/{method}
    audit server carnet.audit.v1.AuditService/{method}
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def traced(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """A system that tells its spans to a receiver which is not there when it starts."""
    require_stores()
    flags = settings({"all.trace_endpoint": receiver.endpoint, "all.trace_sample_ratio": "0"})
    running = RunningCarnet(tmp_path_factory.mktemp("traced") / "var", *flags)
    try:
        yield running.wait_until_up()
        receiver.stop()
        began = monotonic()
    finally:
        running.process.terminate(timedelta(seconds=60))
    assert monotonic() - began < 20, "stopping without an endpoint took too long"


@pytest.fixture
async def scene(traced: LocalRun, receiver: Receiver) -> AsyncIterator[Scene]:
    """Everybody has called once, so that what processes remember (keys, certificates) is remembered; no permit is left of that."""
    async with played(traced) as one:
        await one.doctor.read(one.document)
        await one.doctor.search(one.somebody.record)
        if receiver.is_stopped:
            receiver.start()
        await elapsed(PERMIT_SECONDS)
        yield one


async def trace(session: UserSession, call: Awaitable[object], *, is_sampled: bool) -> str:
    """The trace id under which a call was made, whatever came of it. `call` must not have begun."""
    trace_id = "a" + secrets.token_hex(15) + "b"
    session.traceparent = f"00-{trace_id}-00f067aa0ba902b7-{'01' if is_sampled else '00'}"
    try:
        await call
    except Refused:
        pass
    finally:
        session.traceparent = ""
    return trace_id


def size(tree: str) -> int:
    return len(tree.splitlines())


async def test_a_deposit_is_one_trace_through_documents_identity_and_their_stores(scene: Scene, receiver: Receiver) -> None:
    deposit = scene.doctor.deposit(scene.somebody.record, scene.somebody.document(7))
    trace_id = await trace(scene.doctor, deposit, is_sampled=True)
    assert await receiver.tree(trace_id, size(DEPOSIT)) == DEPOSIT.strip()
    root = receiver.of(trace_id)[0]
    assert (root.parent, root.attributes["carnet.sampled_by"]) == ("00f067aa0ba902b7", "caller")


async def test_a_read_is_one_trace_through_documents_consent_their_stores_and_the_record_of_it(scene: Scene, receiver: Receiver) -> None:
    trace_id = await trace(scene.doctor, scene.doctor.read(scene.document), is_sampled=True)
    assert await receiver.tree(trace_id, size(READ)) == READ.strip()


async def test_an_emergency_is_traced_whatever_its_caller_decided(scene: Scene, receiver: Receiver) -> None:
    glass = await trace(scene.emergency, break_glass(scene.emergency, scene.somebody.record), is_sampled=False)
    assert await receiver.tree(glass, size(BREAK_GLASS)) == BREAK_GLASS.strip()
    read = await trace(scene.emergency, scene.emergency.read(scene.document), is_sampled=False)
    assert await receiver.tree(read, size(READ)) == READ.strip()
    assert [receiver.of(one)[0].attributes["carnet.sampled_by"] for one in (glass, read)] == ["purpose", "purpose"]


async def test_a_login_reaches_redis(traced: LocalRun, scene: Scene, receiver: Receiver) -> None:
    member = await scene.member("alice")
    request = ExchangeAssertionRequest(assertion=await traced.assertion("alice")(), purpose=TREATMENT, structure=member.structure)
    trace_id = "a" + secrets.token_hex(15) + "b"
    parent = ("traceparent", f"00-{trace_id}-00f067aa0ba902b7-01")
    await scene.doctor.connection.sessions.ExchangeAssertion(request, metadata=[parent], timeout=10)
    await eventually(lambda: any(span.kind == "server" for span in receiver.of(trace_id)))
    lines = [span.line for span in receiver.of(trace_id)]
    assert lines[0] == "identity server carnet.identity.v1.SessionService/ExchangeAssertion"
    assert "identity client MULTI" in lines
    assert "identity client insert sessions" in lines


async def test_a_refusal_is_always_kept_and_whole_when_it_was_sampled(scene: Scene, receiver: Receiver) -> None:
    record = scene.somebody.record
    unsampled = await trace(scene.stranger, scene.stranger.search(record), is_sampled=False)
    assert await receiver.tree(unsampled, 1) == REFUSED.splitlines()[0]
    assert receiver.of(unsampled)[0].attributes["carnet.sampled_by"] == "status"
    sampled = await trace(scene.stranger, scene.stranger.search(record), is_sampled=True)
    assert await receiver.tree(sampled, size(REFUSED)) == REFUSED.strip()


async def test_what_is_not_sampled_and_ends_well_is_not_told(scene: Scene, receiver: Receiver) -> None:
    quiet = await trace(scene.doctor, scene.doctor.read(scene.document), is_sampled=False)
    loud = await trace(scene.doctor, scene.doctor.search(scene.somebody.record), is_sampled=True)
    await eventually(lambda: any(span.kind == "server" and span.service == "documents" for span in receiver.of(loud)))
    assert receiver.of(quiet) == []


@pytest.mark.parametrize("kind", ["events", "changes"])
async def test_what_ships_an_event_links_to_the_request_that_caused_it_and_so_does_the_log(
    scene: Scene, receiver: Receiver, kind: str
) -> None:
    """The shipment is a trace of its own, through audit; the sequencing that it wakes is another."""
    call = (
        scene.doctor.read(scene.document) if kind == "events" else scene.doctor.deposit(scene.somebody.record, scene.somebody.document(8))
    )
    cause = await trace(scene.doctor, call, is_sampled=True)
    name, method = f"ship {kind}", "AppendBatches" if kind == "events" else "AppendChanges"
    await eventually(lambda: bool(receiver.linked_to(cause, name)))
    (shipment,) = receiver.linked_to(cause, name)
    assert shipment.parent == ""
    await eventually(lambda: any(span.service == "audit" and span.kind == "server" for span in receiver.of(shipment.trace_id)))
    tree = await receiver.tree(shipment.trace_id, 4)
    assert tree.startswith(SHIPPED.format(service="documents", name=name, method=method))
    await eventually(lambda: bool(receiver.linked_to(shipment.trace_id, "sequence")))
    (sequencing,) = receiver.linked_to(shipment.trace_id, "sequence")
    assert (sequencing.service, sequencing.parent) == ("audit", "")


async def test_no_span_carries_a_word_of_a_person_or_of_her_health(traced: LocalRun, receiver: Receiver) -> None:
    """S9 (promise 9): planted in what succeeds, what is refused and what travels beside it; every call sampled."""
    diagnosis, carried = invented_word(), invented_word()
    somebody = invented(invented_word(), invented_word())
    words = {"ins": somebody.ins, "matricule": somebody.ins[:13], "family": somebody.family_name, "given": somebody.given_name}
    words |= {"diagnosis": diagnosis, "carried": carried}
    async with played(traced, somebody) as scene:
        if receiver.is_stopped:
            receiver.start()
        record, doctor = scene.somebody.record, scene.doctor
        titled = scene.somebody.document(1, title=diagnosis)
        lookup = LookupPatientRequest(ins=Ins(value=somebody.ins, authority=TEST_INS_AUTHORITY))
        beside = [("x-request-id", somebody.ins), ("tracestate", f"{carried.lower()}=1"), ("baggage", f"ins={somebody.ins}")]
        stub = doctor.connection.patients
        calls = [
            trace(doctor, doctor.deposit(record, titled), is_sampled=True),
            trace(doctor, doctor.deposit(record, f"<letter>{diagnosis}</letter>".encode()), is_sampled=True),
            trace(doctor, doctor.search(record, unique_id=diagnosis), is_sampled=True),
            trace(doctor, doctor.read(f"records/{somebody.ins}/documents/{diagnosis}"), is_sampled=True),
            trace(scene.emergency, break_glass(scene.emergency, record, f"coma, {diagnosis}"), is_sampled=True),
        ]
        told = [await one for one in calls]
        metadata = [*await doctor.metadata(), *beside, ("traceparent", f"00-{told[0]}-00f067aa0ba902b7-01")]
        assert (await stub.LookupPatient(lookup, metadata=metadata, timeout=10)).patient.name
    await eventually(
        lambda: all(any(span.kind == "server" and span.parent == "00f067aa0ba902b7" for span in receiver.of(one)) for one in told)
    )
    await eventually(lambda: any("LookupPatient" in span.name for span in receiver.of(told[0])))
    exported = [Place("otlp", request.SerializeToString()) for request in receiver.requests]
    assert found_in(exported, {"looked into": "AccessDecisionService"})
    assert found_in(exported, words) == set()


async def test_every_span_is_one_of_the_registry(scene: Scene, receiver: Receiver) -> None:
    """After every other test of this module: name, kind and attributes of all that was told."""
    await trace(scene.doctor, scene.doctor.read(scene.document), is_sampled=True)
    await eventually(lambda: len(receiver.spans) > size(READ))
    assert [span.line for span in receiver.spans if not is_registered(span)] == []


def is_registered(span: Received) -> bool:
    return set(span.resource) <= set(registry.RESOURCE_ATTRIBUTES) and any(
        re.fullmatch(one.pattern, span.name) and one.kind.name.lower() == span.kind and set(span.attributes) <= set(one.attributes)
        for one in registry.SPANS
    )


async def test_an_endpoint_that_goes_away_is_missed_by_nobody_and_found_again(scene: Scene, receiver: Receiver) -> None:
    receiver.stop()
    began = monotonic()
    for _ in range(5):
        await trace(scene.doctor, scene.doctor.read(scene.document), is_sampled=True)
    assert monotonic() - began < 5
    receiver.start()

    async def is_told() -> bool:
        again = await trace(scene.doctor, scene.doctor.search(scene.somebody.record), is_sampled=True)
        await asyncio.wait({asyncio.ensure_future(receiver.tree(again, 1))}, timeout=2)
        return bool(receiver.of(again))

    end = monotonic() + 30
    while not await is_told():
        assert monotonic() < end
