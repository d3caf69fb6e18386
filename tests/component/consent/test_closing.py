"""Closing a record, opposing that, reopening it: who may, what it does, what is told (rules.md 15, domain.md 2)."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet.consent.v1 import access_decision_service_pb2 as decision_pb
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as pb
from carnet_consent.domain.person import PersonStatus
from carnet_platform.errors import Aborted, Refusal
from component.consent.conftest import ACKNOWLEDGED_AFTER, CONTEXT, DOCTOR, HOLDER, NURSE, OTHER_PERSON, Running, Someone, new_request
from component.consent.life import GRACE, acting_under, close, events, get, look_up, oppose, pass_time, reopen

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
MOTHER = acting_under("MINOR_REPRESENTATION")
GUARDIAN = acting_under("ADULT_REPRESENTATION")
CAREGIVER = acting_under("CAREGIVING", role="CAREGIVER")
BY_REPRESENTATIVE = "FERMETURE_DEMANDE_REPRESENTANT"


async def refusal_of(refused: Awaitable[object]) -> Refusal:
    """With what a call is refused."""
    with pytest.raises(Refusal) as raised:
        await refused
    return raised.value


async def reason_of(refused: Awaitable[object]) -> str:
    """The reason with which a call is refused."""
    return (await refusal_of(refused)).reason


async def may(running: Running, who: Someone, record: str, action: str) -> str:
    """`permit`, or why not."""
    request = decision_pb.DecideRequest(record=record, purpose=f"PURPOSE_OF_USE_{who.purpose}", action=f"ACTION_{action}")  # type: ignore[arg-type]
    with who.calling():
        decided = await running.decisions.Decide(request, CONTEXT)
    return "permit" if decided.HasField("permit") else decided.denial.message


@BOTH_DRIVERS
async def test_the_holder_closes_at_once_and_nobody_reads_or_feeds_the_record_any_more(running: Running) -> None:
    """Promise 2: acknowledged when no permit given before can still be used; the holder keeps reading and her history."""
    record = await running.open()
    begun = time.monotonic()

    closed = await close(running, HOLDER, record)

    assert time.monotonic() - begun >= ACKNOWLEDGED_AFTER.total_seconds()
    assert closed.closing.close_time.ToDatetime(UTC).year + 10 == closed.closing.destroy_time.ToDatetime(UTC).year
    for who, action in ((DOCTOR, "READ"), (DOCTOR, "DEPOSIT"), (HOLDER, "DEPOSIT"), (HOLDER, "MANAGE")):
        assert await may(running, who, record, action) == "The record is closed."
    assert await may(running, HOLDER, record, "READ") == "permit"
    assert await may(running, HOLDER, record, "READ_HISTORY") == "permit"
    assert await reason_of(running.state(HOLDER, record, NURSE.subject, "STANDING")) == "RECORD_CLOSED"
    told = (await events(running, record))[-1]
    assert (told.kind, told.change, told.motive, told.end_time) == (
        "record.closed",
        "FERMETURE_DEMANDE_PATIENT",
        "She wishes it.",
        "",
    )


async def test_of_a_closed_record_code_and_date_are_told_and_never_the_words(running: Running) -> None:
    """rules.md 7."""
    record = await running.open()
    await close(running, HOLDER, record)

    for who in (NURSE, HOLDER):
        found = await look_up(running, who)
        assert found.availability == pb.RECORD_AVAILABILITY_CLOSED
        assert found.closing_motive_code == "FERMETURE_DEMANDE_PATIENT"
        assert found.close_time.ToDatetime(UTC) <= datetime.now(UTC)
        assert b"wishes" not in found.SerializeToString()


@pytest.mark.parametrize(
    ("who", "motive"), [(DOCTOR, "FERMETURE_DEMANDE_PATIENT"), (MOTHER, BY_REPRESENTATIVE), (GUARDIAN, BY_REPRESENTATIVE)], ids=repr
)
async def test_a_closing_by_somebody_else_is_announced_and_takes_effect_after_the_grace(
    running: Running, who: Someone, motive: str
) -> None:
    record = await running.open()

    announced = await close(running, who, record, motive_code=motive)

    assert not announced.closing.HasField("close_time")
    assert await running.answer(DOCTOR, record) == "permit"
    seen = await get(running, record)
    assert seen.state == record_pb2.RECORD_STATE_ACTIVE
    assert seen.closing == announced.closing
    told = (await events(running, record))[-1]
    assert (told.kind, told.change) == ("record.closing_announced", motive)
    assert told.end_time[:19] == announced.closing.due_time.ToJsonString()[:19]
    assert await pass_time(running, GRACE - timedelta(minutes=1)) == 0
    assert await running.answer(DOCTOR, record) == "permit"

    assert await pass_time(running, timedelta(minutes=1)) == 1

    assert await running.answer(DOCTOR, record) == "RECORD_CLOSED"
    assert (await look_up(running, NURSE)).closing_motive_code == motive
    told = (await events(running, record))[-1]
    assert (told.kind, told.change, told.actor.role, told.actor.software) == (
        "record.closed",
        motive,
        "PLATFORM",
        "spiffe://carnet/consent",
    )
    assert await pass_time(running, timedelta(days=1)) == 0


async def test_the_holder_opposes_within_the_grace_and_who_announced_it_takes_it_back(running: Running) -> None:
    record = await running.open()
    for announcing, opposing in ((DOCTOR, HOLDER), (DOCTOR, DOCTOR), (GUARDIAN, GUARDIAN), (DOCTOR, MOTHER)):
        motive = "FERMETURE_DEMANDE_PATIENT" if announcing is DOCTOR else BY_REPRESENTATIVE
        await close(running, announcing, record, motive_code=motive)
        assert await reason_of(oppose(running, NURSE, record)) == "ROLE_NOT_ALLOWED"
        assert await reason_of(oppose(running, OTHER_PERSON, record)) == "NOT_FOUND"
        await oppose(running, opposing, record)
        assert not (await get(running, record)).HasField("closing")
    assert await pass_time(running, GRACE * 2) == 0
    assert await running.answer(DOCTOR, record) == "permit"
    assert [one.kind for one in await events(running, record)][-2:] == ["record.closing_announced", "record.closing_opposed"]


async def test_the_holder_closes_at_once_what_somebody_has_announced(running: Running) -> None:
    record = await running.open()
    await close(running, DOCTOR, record)

    assert await reason_of(close(running, DOCTOR, record)) == "STATE_FORBIDS"
    closed = await close(running, HOLDER, record)

    assert closed.closing.evidence.collected_by == HOLDER.subject
    assert await pass_time(running, GRACE) == 0


async def test_a_closing_that_lacks_something_is_refused(running: Running) -> None:
    record = await running.open()
    cases: list[tuple[Someone, dict[str, Any], str, str]] = [
        (NURSE, {}, "NEEDS_CONSENT", ""),
        (CAREGIVER, {}, "NOT_FOUND", ""),
        (OTHER_PERSON, {}, "NOT_FOUND", ""),
        (acting_under("MINOR_REPRESENTATION", holder="patients/other"), {"motive_code": BY_REPRESENTATIVE}, "NOT_FOUND", ""),
        (Someone("structures/hospital", "STRUCTURE", "structures/hospital"), {}, "ROLE_NOT_ALLOWED", ""),
        (Someone("professionals/nurse", "60", "structures/hospital", purpose="BREAK_GLASS"), {}, "PURPOSE_NOT_ALLOWED", ""),
        (HOLDER, {"motive_code": "FERMETURE_DECES"}, "INVALID_FIELD", "motive_code"),
        (HOLDER, {"motive_code": ""}, "INVALID_FIELD", "motive_code"),
        (HOLDER, {"motive_code": BY_REPRESENTATIVE}, "INVALID_FIELD", "motive_code"),
        (HOLDER, {"motive_text": "x" * 501}, "INVALID_FIELD", "motive_text"),
        (HOLDER, {"evidence": record_pb2.ConsentEvidence(form="f", form_version="1")}, "EVIDENCE_REQUIRED", "evidence.method"),
        (HOLDER, {"request_id": "one"}, "INVALID_FIELD", "request_id"),
        (HOLDER, {"record": "patients/holder"}, "INVALID_FIELD", "record"),
        (HOLDER, {"record": "records/none"}, "NOT_FOUND", ""),
    ]
    for who, changed, reason, field in cases:
        refused = await refusal_of(close(running, who, **({"record": record} | changed)))
        assert (refused.reason, refused.field) == (reason, field), changed
    assert not (await get(running, record)).HasField("closing")


async def test_a_blocked_professional_neither_closes_nor_reopens(running: Running) -> None:
    record = await running.open()
    await running.state(HOLDER, record, NURSE.subject, "BLOCK")

    assert await reason_of(close(running, NURSE, record)) == "BLOCKED"
    await close(running, HOLDER, record)
    assert await reason_of(reopen(running, NURSE, record)) == "BLOCKED"


async def test_what_is_closed_is_not_closed_or_opposed_again_and_the_state_is_told(running: Running) -> None:
    record = await running.open()
    refused = await refusal_of(oppose(running, HOLDER, record))
    assert (refused.reason, refused.metadata) == ("STATE_FORBIDS", {"state": "ACTIVE"})
    refused = await refusal_of(reopen(running, HOLDER, record))
    assert (refused.reason, refused.metadata) == ("STATE_FORBIDS", {"state": "ACTIVE"})
    await close(running, HOLDER, record)

    for again in (close(running, HOLDER, record), oppose(running, HOLDER, record)):
        refused = await refusal_of(again)
        assert (refused.reason, refused.metadata) == ("STATE_FORBIDS", {"state": "CLOSED"})
        assert "Reopen" in refused.message


@BOTH_DRIVERS
async def test_reopening_brings_back_what_was_stated_and_revives_nothing_that_has_ended(running: Running) -> None:
    record = await running.open(HOLDER)
    await running.state(HOLDER, record, DOCTOR.subject, "STANDING")
    await running.state(NURSE, record, NURSE.subject, "SINGLE_CONSULTATION")
    pharmacist = Someone("professionals/pharmacist", "21", "structures/pharmacy")
    await running.state(HOLDER, record, pharmacist.subject, "BLOCK")
    before = await get(running, record)
    await close(running, HOLDER, record)
    running.clock.moved += timedelta(days=2)

    await reopen(running, NURSE, record)

    after = await get(running, record)
    assert (after.state, after.emergency_switches, after.evidence) == (before.state, before.emergency_switches, before.evidence)
    assert after.renewed_evidence.collected_by == NURSE.subject
    assert not after.HasField("closing")
    assert await running.answer(DOCTOR, record) == "permit"
    assert await running.answer(NURSE, record) == "NEEDS_CONSENT"
    assert await running.answer(pharmacist, record) == "BLOCKED"
    assert (await events(running, record))[-1].kind == "record.reopened"


async def test_reopening_needs_renewed_consent(running: Running) -> None:
    record = await running.open()
    await close(running, HOLDER, record)
    cases: list[tuple[Someone, dict[str, Any], str, str]] = [
        (HOLDER, {"consent_confirmed": False}, "EVIDENCE_REQUIRED", "consent_confirmed"),
        (HOLDER, {"evidence": record_pb2.ConsentEvidence()}, "EVIDENCE_REQUIRED", "evidence.form"),
        (GUARDIAN, {}, "NOT_FOUND", ""),
        (OTHER_PERSON, {}, "NOT_FOUND", ""),
        (Someone("structures/hospital", "STRUCTURE", "structures/hospital"), {}, "ROLE_NOT_ALLOWED", ""),
    ]
    for who, changed, reason, field in cases:
        refused = await refusal_of(reopen(running, who, record, **changed))
        assert (refused.reason, refused.field) == (reason, field), changed
    assert (await get(running, record)).state == record_pb2.RECORD_STATE_CLOSED


async def test_after_ten_years_a_closed_record_is_not_reopened(running: Running) -> None:
    """CSP L1111-18."""
    record = await running.open()
    closed = await close(running, HOLDER, record)
    until = closed.closing.destroy_time.ToDatetime(UTC)
    running.clock.moved = until - datetime.now(UTC) + timedelta(seconds=1)

    refused = await refusal_of(reopen(running, HOLDER, record))

    assert (refused.reason, refused.metadata) == ("STATE_FORBIDS", {"state": "CLOSED"})
    running.clock.moved -= timedelta(minutes=1)
    await reopen(running, HOLDER, record)


async def test_the_record_of_a_person_who_has_died_is_not_reopened(running: Running) -> None:
    record = await running.open()
    await close(running, HOLDER, record)
    running.identity.persons[HOLDER.subject] = PersonStatus(is_qualified=True, is_deceased=True, revision=2)

    assert await reason_of(reopen(running, DOCTOR, record)) == "PERSON_DECEASED"
    running.identity.persons[HOLDER.subject] = PersonStatus(is_qualified=False, revision=3)
    assert await reason_of(reopen(running, DOCTOR, record)) == "IDENTITY_NOT_QUALIFIED"
    running.identity.is_down = True
    assert await reason_of(reopen(running, DOCTOR, record)) == "DEPENDENCY_UNAVAILABLE"


@BOTH_DRIVERS
async def test_of_two_changes_at_once_one_wins_and_the_other_is_told_the_present_state(running: Running) -> None:
    record = await running.open()
    etag = (await get(running, record)).etag

    results = await asyncio.gather(*(close(running, HOLDER, record, etag=etag) for _ in range(2)), return_exceptions=True)

    lost = next(one for one in results if isinstance(one, Refusal))
    assert sum(isinstance(one, pb.CloseRecordResponse) for one in results) == 1
    assert lost.reason == "ETAG_MISMATCH"
    stale = await refusal_of(reopen(running, HOLDER, record, etag=etag))
    assert isinstance(stale, Aborted)
    assert stale.metadata == {"etag": (await get(running, record)).etag, "state": "CLOSED"}
    await reopen(running, HOLDER, record, etag=stale.metadata["etag"])


@BOTH_DRIVERS
async def test_a_retry_gets_the_first_answer_and_closes_once(running: Running) -> None:
    record, request_id = await running.open(), new_request()

    first = await close(running, HOLDER, record, request_id=request_id)
    assert await close(running, HOLDER, record, request_id=request_id) == first
    assert await reason_of(close(running, HOLDER, record, request_id=request_id, motive_text="other")) == "REQUEST_ID_REUSED"

    assert [one.kind for one in await events(running, record)].count("record.closed") == 1


@BOTH_DRIVERS
async def test_several_processes_close_a_due_record_once(running: Running) -> None:
    record = await running.open()
    await close(running, DOCTOR, record)
    running.clock.moved += GRACE

    steps = await asyncio.gather(*(running.consent.passing.once() for _ in range(4)))

    assert sum(steps) == 1
    assert [one.kind for one in await events(running, record)].count("record.closed") == 1


async def test_a_due_record_that_was_tampered_with_is_left_and_keeps_no_other_waiting(running: Running) -> None:
    """C8: the due time stands in clear beside the sealed text, and is checked against it."""
    record = await running.open()
    other = await running.open(patient=OTHER_PERSON.subject)
    for one in (record, other):
        await close(running, DOCTOR, one)
    await running.database["records"].update_one({"_id": record}, {"$set": {"due": 1}})

    assert await running.answer(DOCTOR, record) == "CONSENT_UNREADABLE"
    assert await pass_time(running, GRACE) == 1

    assert await running.answer(DOCTOR, other) == "RECORD_CLOSED"
