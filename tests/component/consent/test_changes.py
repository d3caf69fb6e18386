"""Changes of a record: who may make them, that they hold once acknowledged, and what is recorded."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import timedelta

import pytest
from carnet.consent.v1 import authorisation_pb2 as statements
from carnet.consent.v1 import authorisation_service_pb2 as authorisations
from carnet.consent.v1 import emergency_access_service_pb2 as emergencies
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as records
from carnet_platform.errors import Refusal
from component.consent.conftest import (
    ACKNOWLEDGED_AFTER,
    CONTEXT,
    DOCTOR,
    HOLDER,
    NURSE,
    OTHER_PERSON,
    Running,
    Someone,
    evidence,
    new_request,
)
from google.protobuf.duration_pb2 import Duration

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
BREAKING = Someone("professionals/nurse", "60", "structures/hospital", purpose="BREAK_GLASS")


async def reason_of(refused: Awaitable[object]) -> str:
    """The reason with which a call is refused."""
    with pytest.raises(Refusal) as raised:
        await refused
    return raised.value.reason


@BOTH_DRIVERS
async def test_an_authorisation_taken_back_is_refused_once_acknowledged(running: Running) -> None:
    """Promise 2: acknowledged only when no permit given before can still be used."""
    record = await running.open()
    stated = await running.state(HOLDER, record, NURSE.subject, "SINGLE_CONSULTATION")
    assert await running.answer(NURSE, record) == "permit"

    begun = time.monotonic()
    await running.take_back(HOLDER, stated.authorisation.name)

    assert time.monotonic() - begun >= ACKNOWLEDGED_AFTER.total_seconds()
    assert await running.answer(NURSE, record) == "NEEDS_CONSENT"


async def test_a_block_refuses_and_its_end_leaves_nothing(running: Running) -> None:
    """Unblocking is the holder's alone; whoever was blocked must ask again."""
    record = await running.open()
    block = (await running.state(HOLDER, record, DOCTOR.subject, "BLOCK")).authorisation

    assert await running.answer(DOCTOR, record) == "BLOCKED"
    assert await reason_of(running.take_back(DOCTOR, block.name)) == "BLOCKED"
    assert await reason_of(running.state(DOCTOR, record, DOCTOR.subject, "STANDING")) == "BLOCKED"
    begun = time.monotonic()
    await running.take_back(HOLDER, block.name)
    assert time.monotonic() - begun < 0.5
    assert await running.answer(DOCTOR, record) == "NEEDS_CONSENT"


async def test_an_authorisation_ends_by_itself_and_asking_again_is_refused(running: Running) -> None:
    """C2."""
    record = await running.open()
    await running.state(NURSE, record, NURSE.subject, "SINGLE_CONSULTATION")
    assert await running.answer(NURSE, record) == "permit"

    running.clock.moved = timedelta(hours=24, seconds=1)

    assert await running.answer(NURSE, record) == "NEEDS_CONSENT"
    with NURSE.calling():
        found = await running.records.LookupRecord(records.LookupRecordRequest(patient=HOLDER.subject), CONTEXT)
    assert found.availability == records.RECORD_AVAILABILITY_AUTHORISATION_EXPIRED


@pytest.mark.parametrize(
    ("who", "grantee", "kind", "reason"),
    [
        (DOCTOR, NURSE.subject, "STANDING", "ROLE_NOT_ALLOWED"),
        (DOCTOR, DOCTOR.subject, "BLOCK", "ROLE_NOT_ALLOWED"),
        (DOCTOR, "structures/hospital", "CARE_RELATION", "ROLE_NOT_ALLOWED"),
        (OTHER_PERSON, DOCTOR.subject, "STANDING", "NOT_FOUND"),
        (BREAKING, NURSE.subject, "STANDING", "PURPOSE_NOT_ALLOWED"),
        (HOLDER, "structures/hospital", "STANDING", "INVALID_FIELD"),
        (HOLDER, "patients/holder", "STANDING", "INVALID_FIELD"),
        (Someone("structures/hospital", "STRUCTURE", "structures/hospital"), "structures/hospital", "STANDING", "ROLE_NOT_ALLOWED"),
    ],
)
async def test_what_somebody_may_not_state_is_refused(running: Running, who: Someone, grantee: str, kind: str, reason: str) -> None:
    record = await running.open()

    assert await reason_of(running.state(who, record, grantee, kind)) == reason


@BOTH_DRIVERS
async def test_a_retry_gets_the_first_answer_and_changes_nothing_more(running: Running) -> None:
    record = await running.open()
    stated = statements.Authorisation(grantee=NURSE.subject, kind=statements.AUTHORISATION_KIND_STANDING)
    request = authorisations.CreateAuthorisationRequest(request_id=new_request(), parent=record, authorisation=stated)

    with HOLDER.calling():
        first = await running.authorisations.CreateAuthorisation(request, CONTEXT)
        second = await running.authorisations.CreateAuthorisation(request, CONTEXT)
        request.authorisation.motive = "other"
        refused = await reason_of(running.authorisations.CreateAuthorisation(request, CONTEXT))

    assert first == second
    assert refused == "REQUEST_ID_REUSED"
    assert (await running.decide(NURSE, record)).consent_revision == 3


@BOTH_DRIVERS
async def test_changes_at_the_same_time_all_hold_and_each_has_its_event(running: Running) -> None:
    record = await running.open()
    grantees = [f"professionals/p{number}" for number in range(8)]

    await asyncio.gather(*(running.state(HOLDER, record, grantee, "STANDING") for grantee in grantees))

    with HOLDER.calling():
        listed = await running.authorisations.ListAuthorisations(authorisations.ListAuthorisationsRequest(parent=record), CONTEXT)
    assert {one.grantee for one in listed.authorisations} == {DOCTOR.subject, *grantees}
    assert await running.consent.log.last_revision(record) == 10
    assert await running.database["changes"].count_documents({"subject": record}) == 10


async def test_a_person_has_one_open_record(running: Running) -> None:
    await running.open()

    assert await reason_of(running.open(HOLDER)) == "RECORD_EXISTS"


@pytest.mark.parametrize(
    ("patient", "reason"), [("patients/provisional", "IDENTITY_NOT_QUALIFIED"), ("patients/unknown", "NOT_FOUND"), ("x", "INVALID_FIELD")]
)
async def test_a_record_is_opened_only_for_a_qualified_person(running: Running, patient: str, reason: str) -> None:
    assert await reason_of(running.open(DOCTOR, patient)) == reason


async def test_a_record_is_not_opened_without_evidence(running: Running) -> None:
    proof = evidence()
    proof.form_version = " "
    request = records.OpenRecordRequest(request_id=new_request(), patient=HOLDER.subject, evidence=proof)

    with DOCTOR.calling():
        assert await reason_of(running.records.OpenRecord(request, CONTEXT)) == "EVIDENCE_REQUIRED"


async def test_the_emergency_switches_depend_on_each_other_and_on_the_etag(running: Running) -> None:
    record = await running.open()

    async def update(etag: str = "", **switches: bool) -> record_pb2.Record:
        request = records.UpdateEmergencySwitchesRequest(
            request_id=new_request(), record=record, emergency_switches=record_pb2.EmergencySwitches(**switches), etag=etag
        )
        with HOLDER.calling():
            return (await running.records.UpdateEmergencySwitches(request, CONTEXT)).record

    assert await reason_of(update(masked_documents=True)) == "SWITCH_DEPENDENCY"
    updated = await update(break_glass=True, masked_documents=True)
    assert updated.emergency_switches.masked_documents
    assert await reason_of(update(etag='"1"', dispatch=True)) == "ETAG_MISMATCH"
    assert (await update(etag=updated.etag, dispatch=True)).emergency_switches.dispatch


def breaking(record: str, **changed: object) -> emergencies.BreakGlassRequest:
    """A request that attests both and gives a reason, changed as asked."""
    request = emergencies.BreakGlassRequest(
        request_id=new_request(), record=record, cannot_express_will=True, immediate_risk=True, reason="Unconscious after a fall"
    )
    for name, value in changed.items():
        if isinstance(value, Duration):
            request.duration.CopyFrom(value)
        else:
            setattr(request, name, value)
    return request


async def test_breaking_the_glass_needs_both_attestations_a_reason_and_a_profession(running: Running) -> None:
    """C7."""
    record = await running.open()
    pharmacist = Someone("professionals/pharmacist", "21", "structures/pharmacy", purpose="BREAK_GLASS")

    with BREAKING.calling():
        assert await reason_of(running.emergencies.BreakGlass(breaking(record, immediate_risk=False), CONTEXT)) == "ATTESTATION_REQUIRED"
        assert await reason_of(running.emergencies.BreakGlass(breaking(record, reason=" .. "), CONTEXT)) == "REASON_REQUIRED"
        assert (
            await reason_of(running.emergencies.BreakGlass(breaking(record, duration=Duration(seconds=14_401)), CONTEXT)) == "INVALID_FIELD"
        )
    with pharmacist.calling():
        assert await reason_of(running.emergencies.BreakGlass(breaking(record), CONTEXT)) == "EMERGENCY_PROFESSION_NOT_ALLOWED"


async def test_an_emergency_opens_in_spite_of_a_block_is_joined_and_ends_to_the_second(running: Running) -> None:
    """C7."""
    record = await running.open()
    await running.state(HOLDER, record, NURSE.subject, "BLOCK")
    assert await running.answer(BREAKING, record) == "EPISODE_ENDED"

    with BREAKING.calling():
        begun = (await running.emergencies.BreakGlass(breaking(record, duration=Duration(seconds=600)), CONTEXT)).episode
        joined = (await running.emergencies.BreakGlass(breaking(record), CONTEXT)).episode

    assert joined == begun
    decided = await running.decide(BREAKING, record)
    assert decided.permit.emergency_episode == begun.name
    assert 590 < decided.permit.ends_in.ToSeconds() <= 600
    assert await running.answer(NURSE, record) == "BLOCKED"
    running.clock.moved = timedelta(seconds=600)
    assert await running.answer(BREAKING, record) == "EPISODE_ENDED"


async def test_an_emergency_ends_by_the_hand_that_began_it_or_by_opposition(running: Running) -> None:
    record = await running.open()
    opposed = records.UpdateEmergencySwitchesRequest(
        request_id=new_request(), record=record, emergency_switches=record_pb2.EmergencySwitches(dispatch=True)
    )

    with BREAKING.calling():
        episode = (await running.emergencies.BreakGlass(breaking(record), CONTEXT)).episode
        request = emergencies.EndEmergencyAccessRequest(request_id=new_request(), name=episode.name)
        await running.emergencies.EndEmergencyAccess(request, CONTEXT)
        assert await running.answer(BREAKING, record) == "EPISODE_ENDED"
        await running.emergencies.BreakGlass(breaking(record), CONTEXT)
    with HOLDER.calling():
        await running.records.UpdateEmergencySwitches(opposed, CONTEXT)

    assert await running.answer(BREAKING, record) == "EMERGENCY_OPPOSED"
    with BREAKING.calling():
        assert await reason_of(running.emergencies.BreakGlass(breaking(record), CONTEXT)) == "EMERGENCY_OPPOSED"


async def test_a_refused_change_is_recorded_once_and_then_counted(running: Running) -> None:
    """A5."""
    record = await running.open()
    before = running.consent.journal.next_seq

    for _ in range(5):
        await reason_of(running.state(DOCTOR, record, NURSE.subject, "STANDING"))
    assert running.consent.journal.next_seq == before + 1
    await running.consent.refusals.close()

    assert running.consent.journal.next_seq == before + 2


async def test_the_attending_physician_is_pending_until_the_holder_confirms_and_the_former_one_loses_it(running: Running) -> None:
    record = await running.open()

    async def declare(who: Someone, professional: str) -> statements.AttendingPhysicianStatus.ValueType:
        request = authorisations.DeclareAttendingPhysicianRequest(request_id=new_request(), record=record, professional=professional)
        with who.calling():
            return (await running.authorisations.DeclareAttendingPhysician(request, CONTEXT)).status

    async def sees_masked(who: Someone) -> bool:
        return "MASQUE_PS" not in (await running.decide(who, record)).permit.filter.excluded_visibilities

    second = Someone("professionals/second", "10", "structures/clinic")
    assert await reason_of(declare(NURSE, NURSE.subject)) == "NEEDS_CONSENT"
    assert await reason_of(declare(HOLDER, NURSE.subject)) == "INVALID_FIELD"
    assert await declare(DOCTOR, DOCTOR.subject) == statements.ATTENDING_PHYSICIAN_STATUS_PENDING
    assert not await sees_masked(DOCTOR)
    confirm = authorisations.ConfirmAttendingPhysicianRequest(request_id=new_request(), record=record, professional=DOCTOR.subject)
    with HOLDER.calling():
        await running.authorisations.ConfirmAttendingPhysician(confirm, CONTEXT)
    assert await sees_masked(DOCTOR)
    await running.state(HOLDER, record, second.subject, "STANDING")
    assert await declare(HOLDER, second.subject) == statements.ATTENDING_PHYSICIAN_STATUS_CONFIRMED
    assert await sees_masked(second)
    assert not await sees_masked(DOCTOR)


async def test_a_document_hidden_by_name_is_in_the_filter_until_the_holder_takes_it_back(running: Running) -> None:
    record = await running.open()
    document = f"{record}/documents/d1"

    with HOLDER.calling():
        hide = authorisations.HideDocumentRequest(request_id=new_request(), document=document, grantee="structures/hospital")
        await running.authorisations.HideDocument(hide, CONTEXT)
        assert list((await running.decide(DOCTOR, record)).permit.filter.hidden_documents) == [document]
        unhide = authorisations.UnhideDocumentRequest(request_id=new_request(), document=document, grantee="structures/hospital")
        await running.authorisations.UnhideDocument(unhide, CONTEXT)

    assert not (await running.decide(DOCTOR, record)).permit.filter.hidden_documents


async def test_asking_for_a_record_tells_its_state_and_nothing_to_another_person(running: Running) -> None:
    """rules.md 7."""
    record = await running.open()

    async def look(who: Someone, patient: str = HOLDER.subject) -> tuple[str, str]:
        with who.calling():
            found = await running.records.LookupRecord(records.LookupRecordRequest(patient=patient), CONTEXT)
        return records.RecordAvailability.Name(found.availability).removeprefix("RECORD_AVAILABILITY_"), found.record

    assert await look(DOCTOR) == ("AUTHORISED", record)
    assert await look(NURSE) == ("NEEDS_CONSENT", record)
    assert await look(HOLDER) == ("AUTHORISED", record)
    assert await look(DOCTOR, "patients/none") == ("NO_RECORD", "")
    assert await reason_of(look(OTHER_PERSON)) == "ROLE_NOT_ALLOWED"
    with OTHER_PERSON.calling():
        assert await reason_of(running.records.GetRecord(records.GetRecordRequest(name=record), CONTEXT)) == "NOT_FOUND"
