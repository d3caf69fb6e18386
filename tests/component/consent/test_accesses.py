"""Who is let in for the first time is told once, by whichever process; deciding never waits for it, and what is lost is noted again."""

from dataclasses import replace
from datetime import timedelta

import pytest
from carnet.consent.v1 import notice_service_pb2 as pb
from carnet_consent.domain.asker import Asker
from carnet_consent.usecases.note_accesses import NoteAccesses
from component.consent.conftest import DOCTOR, HOLDER, NURSE, Running, Someone
from component.consent.test_inbox import events, listed
from structlog.testing import capture_logs
from unit.consent.builders import record as record_of_somebody

DISPATCH = Someone("professionals/samu", "10", "structures/samu", purpose="EMERGENCY_DISPATCH", claims={"regulation": True})


def accesses(running: Running) -> NoteAccesses:
    return running.consent.telling.accesses


async def test_a_first_access_is_told_once_however_often_is_read(running: Running) -> None:
    """domain.md 3.5."""
    record = await running.open()
    for _ in range(2):
        assert await running.answer(DOCTOR, record) == "permit"
        await accesses(running).store()
    told = (await listed(running, HOLDER)).notices
    assert [(one.event, one.kind, one.actor) for one in told] == [("access.first", pb.NOTICE_KIND_FIRST_ACCESS, DOCTOR.subject)]
    assert "a eu accès pour la première fois à votre carnet" in told[0].text
    assert await running.database["notices"].count_documents({"delivery": "WAITING"}) == 1


async def test_another_process_or_the_same_one_started_anew_tells_nothing_twice(running: Running) -> None:
    record = await running.open()
    await running.answer(DOCTOR, record)
    await accesses(running).store()
    accesses(running)._known.clear()
    await running.answer(DOCTOR, record)
    await accesses(running).store()
    assert await events(running, HOLDER) == ["access.first"]


async def test_what_is_lost_with_a_process_the_next_read_notes_again(running: Running) -> None:
    record = await running.open()
    await running.answer(DOCTOR, record)
    accesses(running)._waiting.clear()
    await accesses(running).store()
    assert await events(running, HOLDER) == []
    await running.answer(DOCTOR, record)
    await accesses(running).store()
    assert await events(running, HOLDER) == ["access.first"]


async def test_who_is_refused_and_the_person_herself_are_no_access(running: Running) -> None:
    record = await running.open()
    assert await running.answer(NURSE, record) == "NEEDS_CONSENT"
    assert await running.answer(HOLDER, record) == "permit"
    await accesses(running).store()
    assert await events(running, HOLDER) == []


async def test_each_session_of_a_dispatch_doctor_is_told_as_an_emergency(running: Running) -> None:
    """CSP R1111-48; domain.md 3.3: the same notification for the Centre 15."""
    record = await running.open()
    later = Someone(DISPATCH.subject, "10", DISPATCH.structure, DISPATCH.purpose, session="sessions/s2", claims=DISPATCH.claims)
    for who in (DISPATCH, DISPATCH, later):
        assert await running.answer(who, record) == "permit"
        await accesses(running).store()
    assert await events(running, HOLDER) == ["access.dispatch", "access.dispatch"]


async def test_more_readers_than_are_remembered_or_may_wait_are_left_for_the_next_read(running: Running) -> None:
    telling, now = running.consent.telling, running.clock.now()
    small = NoteAccesses(telling.notices, running.clock, telling.woken, timedelta(seconds=1), most_known=1, most_waiting=1)
    doctor = Asker(DOCTOR.subject, DOCTOR.role, DOCTOR.structure, DOCTOR.purpose)

    async def count() -> int:
        return int(await running.database["notices"].count_documents({}))

    for record in ("records/one", "records/other"):
        small.note(doctor, "", replace(record_of_somebody(), record=record), now)
    await small.store()
    assert await count() == 1, "the other is left"
    for _ in range(2):
        small.note(doctor, "", replace(record_of_somebody(), record="records/other"), now)
        await small.store()
    assert await count() == 2
    assert len(small._known) == 1


async def test_a_store_that_takes_no_notice_stops_no_decision_and_is_asked_again(running: Running) -> None:
    """C7: the queue stops nobody."""
    record = await running.open()
    await running.database.command("collMod", "notices", validator={"impossible": {"$exists": True}})
    assert await running.answer(DOCTOR, record) == "permit"
    with capture_logs(), pytest.raises(Exception, match="validation"):
        await accesses(running).store()
    await running.database.command("collMod", "notices", validator={})
    await accesses(running).store()
    assert await events(running, HOLDER) == ["access.first"]
