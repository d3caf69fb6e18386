"""The opening budget on a real store: who asks for more persons than anybody treats is refused, and never in an emergency."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from carnet.consent.v1 import emergency_access_service_pb2 as emergencies
from carnet.consent.v1 import record_service_pb2 as records
from carnet_consent.storage.openings import Openings
from carnet_platform.errors import Refusal, ResourceExhausted
from component.consent.conftest import (
    CONTEXT,
    DOCTOR,
    HOLDER,
    KEYS,
    NURSE,
    KnownPersons,
    Running,
    Someone,
    TestClock,
    new_request,
    settings,
    started,
)

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
COLLEAGUE = Someone("professionals/colleague", "60", NURSE.structure)
BREAKING = Someone(NURSE.subject, "60", NURSE.structure, purpose="BREAK_GLASS")
SPENT = "OPENING_BUDGET_SPENT"


def midday() -> TestClock:
    """A clock in the middle of a day, so that no test meets its end."""
    clock = TestClock()
    clock.moved = clock.now().replace(hour=12, minute=0) - clock.now()
    return clock


@pytest.fixture
async def running(database: tuple[Any, Any]) -> AsyncIterator[Running]:
    """Consent with a budget of two persons a professional and three a structure."""
    async with started(database, settings(opening_budget_professional=2, opening_budget_structure=3), midday(), KnownPersons()) as one:
        yield one


async def looked_up(running: Running, patient: str, who: Someone = NURSE) -> str:
    """What is found, or the reason of the refusal."""
    with who.calling("/carnet.consent.v1.RecordService/LookupRecord"):
        try:
            found = await running.records.LookupRecord(records.LookupRecordRequest(patient=patient), CONTEXT)
        except Refusal as refused:
            return refused.reason
    return records.RecordAvailability.Name(found.availability).removeprefix("RECORD_AVAILABILITY_")


@BOTH_DRIVERS
async def test_beyond_the_budget_nothing_is_told_whether_there_is_a_record_or_not(running: Running) -> None:
    """rules.md 7: within budget."""
    await running.open(patient="patients/a")
    await running.open(patient="patients/b")

    assert await looked_up(running, "patients/a") == "NEEDS_CONSENT"
    assert await looked_up(running, "patients/none") == "NO_RECORD"
    assert await looked_up(running, "patients/b") == SPENT
    assert await looked_up(running, "patients/nobody") == SPENT
    assert await looked_up(running, "patients/a") == "NEEDS_CONSENT", "who was counted today is not counted again"


async def test_the_structures_budget_stops_its_people_together(running: Running) -> None:
    for who, patient in ((NURSE, "a"), (NURSE, "b"), (COLLEAGUE, "c")):
        assert await looked_up(running, f"patients/{patient}", who) == "NO_RECORD"

    assert await looked_up(running, "patients/d", COLLEAGUE) == SPENT


async def test_the_next_day_begins_a_new_budget_and_the_refusal_says_when(running: Running) -> None:
    for patient in "ab":
        await looked_up(running, f"patients/{patient}")
    with NURSE.calling(), pytest.raises(ResourceExhausted) as refused:
        await running.records.LookupRecord(records.LookupRecordRequest(patient="patients/c"), CONTEXT)

    assert refused.value.retry_after is not None
    running.clock.moved += refused.value.retry_after + timedelta(seconds=1)
    assert await looked_up(running, "patients/c") == "NO_RECORD"


async def test_whom_the_record_knows_and_the_person_herself_are_not_counted(running: Running) -> None:
    opened = [await running.open(patient=f"patients/{number}") for number in range(4)]

    assert {await looked_up(running, f"patients/{number}", DOCTOR) for number in range(4)} == {"AUTHORISED"}
    for record in opened:
        assert await running.answer(DOCTOR, record) == "permit"
    for _ in range(4):
        assert await looked_up(running, "patients/0", Someone("patients/0", "PATIENT", purpose="PATIENT_REQUEST")) == "AUTHORISED"


async def test_his_own_statement_counts_once_with_the_looking_up_and_is_refused_beyond(running: Running) -> None:
    opened = [await running.open(patient=f"patients/{number}") for number in range(3)]
    await looked_up(running, "patients/0")
    await running.state(NURSE, opened[0], NURSE.subject, "STANDING")
    await running.state(NURSE, opened[1], NURSE.subject, "STANDING")

    with pytest.raises(ResourceExhausted) as refused:
        await running.state(NURSE, opened[2], NURSE.subject, "STANDING")

    assert refused.value.reason == SPENT
    assert await running.answer(NURSE, opened[2]) == "NEEDS_CONSENT"
    await running.state(HOLDER_OF_2, opened[2], NURSE.subject, "STANDING")
    assert await running.answer(NURSE, opened[2]) == "permit", "what the holder states is nobody's opening"
    await running.state(NURSE, opened[2], NURSE.subject, "SINGLE_CONSULTATION")


HOLDER_OF_2 = Someone("patients/2", "PATIENT", purpose="PATIENT_REQUEST")


async def test_an_emergency_is_never_refused_and_raises_the_alarm(running: Running) -> None:
    """C7, rules.md 10."""
    record = await running.open(patient="patients/z")
    for patient in "abc":
        await looked_up(running, f"patients/{patient}")

    with structlog.testing.capture_logs() as logged:
        for patient in "abcz":
            assert await looked_up(running, f"patients/{patient}", BREAKING) in {"NO_RECORD", "NEEDS_CONSENT"}
    with BREAKING.calling():
        request = emergencies.BreakGlassRequest(
            request_id=new_request(), record=record, cannot_express_will=True, immediate_risk=True, reason="Unconscious"
        )
        await running.emergencies.BreakGlass(request, CONTEXT)

    alarms = {(line["who"], line["is_refused"]) for line in logged if line["event"] == "openings.budget_spent"}
    assert alarms == {(NURSE.subject, False), (NURSE.structure, False)}
    assert await running.answer(BREAKING, record) == "permit"


async def test_the_alarm_is_raised_once_and_the_refusal_stands_in_the_history_of_the_record(running: Running) -> None:
    await running.open(patient="patients/z")
    for patient in "ab":
        await looked_up(running, f"patients/{patient}")
    before = running.consent.journal.next_seq

    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            assert await looked_up(running, "patients/z") == SPENT

    assert [(line["who"], line["is_refused"]) for line in logged if line["event"] == "openings.budget_spent"] == [(NURSE.subject, True)]
    assert running.consent.journal.next_seq == before + 2, "the event of the alarm, and the first refusal of the minute"


@BOTH_DRIVERS
async def test_several_processes_count_together_and_give_nobody_more(running: Running) -> None:
    """At once, on the same row that none of them has made yet."""
    processes = [await Openings.open(running.database, KEYS) for _ in range(4)]

    taken = await asyncio.gather(*(processes[number % 4].take("2026-11-21", "professionals/p", 5) for number in range(20)))

    assert sorted(taken) == [0] * 15 + [1, 2, 3, 4, 5]


async def test_no_row_of_the_budget_names_a_professional_beside_a_person(running: Running) -> None:
    await looked_up(running, HOLDER.subject)

    async for row in running.database["openings"].find({}):
        assert "holder" not in str(row)
