"""What a database administrator takes away opens nothing (trial C8); what he edits or sets back is in test_decisions.py."""

import pytest
from component.consent.conftest import DOCTOR, HOLDER, Running, Someone
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
