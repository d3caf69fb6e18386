"""TD0.4: the records that a professional may open, through the index of grantees and checked against what the records say."""

from datetime import timedelta
from typing import Any

import pytest
from carnet.consent.v1 import authorisation_service_pb2 as authorisations
from carnet.consent.v1 import record_service_pb2 as pb
from carnet_platform.errors import Refusal
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, NURSE, Running, Someone, new_request
from component.consent.life import close, reopen

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
COLLEAGUE = Someone("professionals/colleague", "10", "structures/clinic")


def person(number: int) -> Someone:
    """One of several persons."""
    return Someone(f"patients/p{number}", "PATIENT", purpose="PATIENT_REQUEST")


async def page(running: Running, who: Someone, size: int = 0, token: str = "") -> pb.ListOpenableRecordsResponse:
    """One page."""
    with who.calling():
        return await running.records.ListOpenableRecords(pb.ListOpenableRecordsRequest(page_size=size, page_token=token), CONTEXT)


async def listed(running: Running, who: Someone, size: int = 0) -> list[str]:
    """All pages."""
    found, token = [], ""
    while True:
        one = await page(running, who, size, token)
        found += [openable.record for openable in one.openable_records]
        token = one.next_page_token
        if not token:
            return found


@BOTH_DRIVERS
async def test_a_professional_finds_what_he_may_open_the_newest_first(running: Running) -> None:
    records = []
    for number in range(3):
        records.append(await running.open(DOCTOR, f"patients/p{number}"))
        running.clock.moved += timedelta(minutes=1)
    await running.state(person(0), records[0], DOCTOR.subject, "CARE_RELATION")  # granted again, later: it stands first, and once

    assert await listed(running, DOCTOR) == [records[0], records[2], records[1]]
    assert await listed(running, DOCTOR, size=1) == [records[0], records[2], records[1]]
    assert await listed(running, NURSE) == []
    first = (await page(running, DOCTOR, 1)).openable_records[0]
    assert (first.patient, first.availability, first.attending_physician) == ("patients/p0", pb.RECORD_AVAILABILITY_AUTHORISED, False)


async def test_what_is_granted_to_his_structure_counts_there_alone(running: Running) -> None:
    record = await running.open(HOLDER)
    await running.state(HOLDER, record, NURSE.subject, "STANDING")

    assert await listed(running, NURSE) == [record]
    assert await listed(running, Someone(DOCTOR.subject, "10", "structures/hospital")) == []


@BOTH_DRIVERS
async def test_what_ended_is_blocked_or_closed_is_not_listed(running: Running) -> None:
    ended, blocked, closed = [await running.open(person(number), f"patients/p{number}") for number in range(3)]
    taken_back = await running.state(person(0), ended, COLLEAGUE.subject, "STANDING")
    for number, record in ((1, blocked), (2, closed)):
        await running.state(person(number), record, COLLEAGUE.subject, "STANDING")
    assert await listed(running, COLLEAGUE) == [closed, blocked, ended]

    await running.take_back(person(0), taken_back.authorisation.name)
    await running.state(person(1), blocked, "structures/clinic", "BLOCK")
    await close(running, person(2), closed)

    assert await listed(running, COLLEAGUE) == []
    assert await running.database["grants"].count_documents({}) == 2
    await reopen(running, person(2), closed)
    assert await listed(running, COLLEAGUE) == [closed]
    running.clock.moved += timedelta(days=366)
    assert await listed(running, COLLEAGUE) == []


async def test_an_attending_physician_without_an_authorisation_finds_the_record_and_what_it_needs(running: Running) -> None:
    record = await running.open(HOLDER)
    request = authorisations.DeclareAttendingPhysicianRequest(request_id=new_request(), record=record, professional=COLLEAGUE.subject)
    with HOLDER.calling():
        await running.authorisations.DeclareAttendingPhysician(request, CONTEXT)

    found = (await page(running, COLLEAGUE)).openable_records[0]

    assert (found.record, found.availability, found.attending_physician) == (record, pb.RECORD_AVAILABILITY_NEEDS_CONSENT, True)


async def test_the_index_names_neither_record_nor_grantee_and_a_row_that_is_made_up_shows_nothing(running: Running) -> None:
    record = await running.open()
    row: dict[str, Any] = await running.database["grants"].find_one({})
    assert not any(name.encode() in repr(row).encode() for name in (record, DOCTOR.subject, HOLDER.subject))

    await running.database["grants"].insert_one({**row, "_id": bytes(32), "since": row["since"] + 1})

    assert await listed(running, DOCTOR) == [record]


async def test_who_may_not_list_and_what_is_no_page_is_refused(running: Running) -> None:
    await running.open()
    await running.open(DOCTOR, "patients/other")
    token = (await page(running, DOCTOR, 1)).next_page_token
    for who, size, given, reason in (
        (HOLDER, 0, "", "ROLE_NOT_ALLOWED"),
        (Someone("structures/hospital", "STRUCTURE", "structures/hospital"), 0, "", "ROLE_NOT_ALLOWED"),
        (Someone("professionals/nurse", "60", "structures/hospital", purpose="BREAK_GLASS"), 0, "", "PURPOSE_NOT_ALLOWED"),
        (Someone(DOCTOR.subject, "10"), 0, "", "USER_UNKNOWN"),
        (DOCTOR, -1, "", "INVALID_FIELD"),
        (DOCTOR, 1, token + "x", "PAGE_TOKEN_INVALID"),
        (DOCTOR, 1, "é", "PAGE_TOKEN_INVALID"),
        (NURSE, 1, token, "PAGE_TOKEN_INVALID"),
    ):
        with pytest.raises(Refusal) as refused:
            await page(running, who, size, given)
        assert refused.value.reason == reason
