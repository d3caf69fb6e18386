"""What a database administrator takes away opens nothing (trial C8); what he edits or sets back is in test_decisions.py."""

from datetime import timedelta

import pytest
from carnet_consent.usecases import watch_emergencies
from component.consent.conftest import DOCTOR, HOLDER, NURSE, Running, Someone
from component.consent.test_emergencies import broken
from google.protobuf.duration_pb2 import Duration
from structlog.testing import capture_logs

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
NEW_DOCTOR = Someone("professionals/new", "10", "structures/hospital")


@BOTH_DRIVERS
async def test_a_deleted_record_opens_nothing_and_one_put_back_from_before_a_block_is_noticed(running: Running) -> None:
    """C8."""
    record = await running.open()
    before = await running.database["records"].find_one({"_id": record})
    await running.state(HOLDER, record, DOCTOR.subject, "BLOCK")

    await running.database["records"].delete_one({"_id": record})
    assert await running.answer(DOCTOR, record) == "NOT_FOUND"
    with pytest.raises(Exception, match="no such record"):
        await running.state(NEW_DOCTOR, record, NEW_DOCTOR.subject, "STANDING")

    await running.database["records"].insert_one(before)
    await running.answer(DOCTOR, record)
    with capture_logs() as logged:
        await running.consent.rollbacks.look()

    assert [line["event"] for line in logged if line["log_level"] == "error"] == ["record.rolled_back"]
    assert await running.answer(DOCTOR, record) == "CONSENT_UNREADABLE"


@BOTH_DRIVERS
async def test_a_deleted_record_is_missed_once_and_refused_from_then_on_until_it_is_put_back(running: Running) -> None:
    """C8: a name that was never a record's is none, and alarms nobody."""
    record = await running.open()
    whole = await running.database["records"].find_one({"_id": record})
    await running.database["records"].delete_one({"_id": record})
    assert await running.answer(DOCTOR, record) == "NOT_FOUND"
    assert await running.answer(DOCTOR, "records/guessed") == "NOT_FOUND"

    assert await errors(running) == [("record.missing", record)]
    assert await running.answer(DOCTOR, record) == "CONSENT_UNREADABLE"
    assert await running.answer(DOCTOR, "records/guessed") == "NOT_FOUND"
    assert await errors(running) == []

    await running.database["records"].insert_one(whole)
    assert await running.answer(DOCTOR, record) == "permit"


@BOTH_DRIVERS
async def test_a_deleted_review_is_missed_once_an_hour_and_nobody_is_refused_for_it(running: Running) -> None:
    """C8."""
    record = await running.open()
    kept, gone = [await broken(running, record, who) for who in (DOCTOR, NURSE)]
    assert await running.answer(DOCTOR, record) == "permit"
    assert await errors(running) == []

    await running.database["emergency_reviews"].delete_one({"_id": gone.name})
    for expected in ([("emergency_review.missing", gone.name)], []):
        assert await running.answer(DOCTOR, record) == "permit"
        assert await errors(running) == expected
    assert await running.database["emergency_reviews"].count_documents({"_id": kept.name}) == 1


async def test_a_review_that_was_edited_alarms_once_an_hour_and_holds_up_none_behind_it(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C8: the overdue one after it is told all the same."""
    monkeypatch.setattr(watch_emergencies, "MOST", 1)
    record = await running.open()
    edited, overdue = [await broken(running, record, who, duration=Duration(seconds=60)) for who in (DOCTOR, NURSE)]
    await running.database["emergency_reviews"].update_one({"_id": edited.name}, {"$set": {"uses": 7}})
    running.clock.moved = timedelta(days=8)

    with capture_logs() as logged:
        for _ in range(3):
            await running.consent.watch.look()

    alarms = [(line["event"], line["episode"]) for line in logged if line["log_level"] == "error"]
    assert alarms == [("emergency_review.seal_broken", edited.name), ("emergency_review.overdue", overdue.name)]


async def errors(running: Running) -> list[tuple[str, str]]:
    """The alarms of one look, and what they are about."""
    with capture_logs() as logged:
        await running.consent.rollbacks.look()
    return [(line["event"], line.get("record") or line["episode"]) for line in logged if line["log_level"] == "error"]
