"""The access decision on a real store."""

import asyncio
from typing import Any

import pytest
from bson.binary import Binary
from carnet.consent.v1 import withdrawal_service_pb2 as withdrawals
from carnet_consent.storage import rollback
from component.consent.conftest import (
    CONTEXT,
    DOCTOR,
    HOLDER,
    NURSE,
    OTHER_PERSON,
    PERMIT_USABLE_FOR,
    Running,
    Someone,
    new_request,
    reason,
)
from google.protobuf.timestamp_pb2 import Timestamp

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)


@BOTH_DRIVERS
async def test_who_opens_a_record_is_permitted_and_nobody_else_is(running: Running) -> None:
    record = await running.open()

    permit = await running.decide(DOCTOR, record)
    assert permit.HasField("permit")
    assert permit.patient == "patients/holder"
    assert permit.consent_revision == 2
    assert permit.permit.usable_for.ToTimedelta() == PERMIT_USABLE_FOR
    assert permit.permit.filter.own_professional == "professionals/doctor"
    assert await running.answer(NURSE, record) == "NEEDS_CONSENT"
    assert await running.answer(HOLDER, record) == "permit"
    assert await running.answer(OTHER_PERSON, record) == "NOT_FOUND"
    assert await running.answer(DOCTOR, "records/absent") == "NOT_FOUND"


async def test_a_denial_names_no_holder_and_its_rule(running: Running) -> None:
    denial = await running.decide(NURSE, await running.open())

    assert denial.patient == ""
    assert denial.rule
    assert denial.source
    assert denial.denial.message


@BOTH_DRIVERS
@pytest.mark.parametrize(
    "edit",
    [
        {"$set": {"seal": Binary(b"x" * 32)}},
        {"$set": {"revision": 7}},
        {"$set": {"state": "CLOSED"}},
        {"$set": {"patient": "patients/other"}},
    ],
)
async def test_an_edited_record_is_denied(running: Running, edit: dict[str, Any]) -> None:
    """C8: an edit is never honoured."""
    record = await running.open()
    await running.database["records"].update_one({"_id": record}, edit)

    assert await running.answer(DOCTOR, record) == "CONSENT_UNREADABLE"
    assert await running.answer(OTHER_PERSON, record) == "CONSENT_UNREADABLE"


async def test_a_changed_text_or_another_records_text_is_denied(running: Running) -> None:
    """C8: neither a changed byte nor a whole sealed consent moved to another place."""
    record, other = await running.open(), await running.open(patient="patients/other")
    stored = await running.database["records"].find_one({"_id": other})
    text = stored["consent"].replace(b"professionals/doctor", b"professionals/intrus")
    await running.database["records"].update_one({"_id": other}, {"$set": {"consent": Binary(text)}})
    await running.database["records"].update_one({"_id": record}, {"$set": {"consent": stored["consent"], "seal": stored["seal"]}})

    assert await running.answer(DOCTOR, other) == "CONSENT_UNREADABLE"
    assert await running.answer(DOCTOR, record) == "CONSENT_UNREADABLE"


async def test_a_deleted_record_permits_nobody(running: Running) -> None:
    """C8."""
    record = await running.open()
    await running.database["records"].delete_one({"_id": record})

    assert await running.answer(DOCTOR, record) == "NOT_FOUND"


async def test_a_record_set_back_with_its_seal_is_noticed_and_denied(running: Running) -> None:
    """C8: a rollback is noticed at the next look, every 20 seconds, and by the next change at once."""
    record = await running.open()
    before = await running.database["records"].find_one({"_id": record})
    await running.state(HOLDER, record, "professionals/doctor", "BLOCK")
    await running.database["records"].replace_one({"_id": record}, before)
    await running.answer(DOCTOR, record)

    with pytest.raises(Exception, match="older than its last event"):
        await running.state(HOLDER, record, "professionals/doctor", "BLOCK")
    await running.consent.rollbacks.look()

    assert await running.answer(DOCTOR, record) == "CONSENT_UNREADABLE"


async def test_no_record_waits_for_ever_to_be_looked_at(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """C8: those that have waited longest come first, however often the others are read."""
    monkeypatch.setattr(rollback, "MOST_WATCHED", 1)
    often, once = await running.open(), await running.open(patient="patients/other")
    before = await running.database["records"].find_one({"_id": once})
    await running.state(OTHER_PERSON, once, "professionals/doctor", "BLOCK")
    await running.database["records"].replace_one({"_id": once}, before)

    await running.answer(DOCTOR, often)
    await running.answer(DOCTOR, once)
    for _ in range(2):
        await running.consent.rollbacks.look()
        await running.answer(DOCTOR, often)

    assert await running.answer(DOCTOR, once) == "CONSENT_UNREADABLE"


async def test_questions_that_queue_share_one_barrier(running: Running) -> None:
    record = await running.open()
    before = running.consent.batch.batches

    answers = await asyncio.gather(*(running.answer(DOCTOR, record) for _ in range(50)))

    assert answers == ["permit"] * 50
    assert running.consent.batch.batches - before <= 3


@BOTH_DRIVERS
@pytest.mark.parametrize(
    "subject",
    ["sessions/s1", "professionals/doctor", "structures/hospital", "activities/doctor/hospital", "certificates/thumbprint"],
)
async def test_what_another_service_withdrew_is_refused_at_once(running: Running, subject: str) -> None:
    """C2: leaving a structure refuses at once; so does the end of a session or a stop switch."""
    record = await running.open()
    elsewhere = Someone("professionals/third", "10", "structures/clinic", session="sessions/s9")
    expire_time = Timestamp()
    expire_time.FromDatetime(running.clock.now().replace(year=2027, month=1))
    request = withdrawals.RegisterWithdrawalRequest(request_id=new_request(), subject=subject, expire_time=expire_time)

    with DOCTOR.calling("/carnet.consent.v1.WithdrawalService/RegisterWithdrawal"):
        first = await running.withdrawals.RegisterWithdrawal(request, CONTEXT)
        again = await running.withdrawals.RegisterWithdrawal(request, CONTEXT)

    denial = await running.decide(DOCTOR, record)
    assert again.position == first.position == denial.position
    assert reason(denial) == "SESSION_WITHDRAWN"
    if subject != "certificates/thumbprint":
        assert await running.answer(elsewhere, record) == "NEEDS_CONSENT"
