"""A person's death as consent learns it from identity: late results, closing, and a mistake taken back (rules.md 17)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from carnet.consent.v1 import access_decision_service_pb2 as decision_pb
from carnet.consent.v1 import record_pb2
from carnet_consent.domain.person import PersonStatus
from carnet_platform.errors import Refusal
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, NURSE, Running
from component.consent.life import close, events, get, look_up, oppose, pass_time, told
from pymongo.errors import PyMongoError
from support.stores_fixtures import TestStores
from support.waiting import eventually_answers

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
LATE_RESULTS = timedelta(days=30)


async def may_deposit(running: Running, record: str) -> bool:
    """Whether a late result comes in."""
    request = decision_pb.DecideRequest(record=record, purpose="PURPOSE_OF_USE_TREATMENT", action=decision_pb.ACTION_DEPOSIT)  # type: ignore[arg-type]
    with DOCTOR.calling():
        return (await running.decisions.Decide(request, CONTEXT)).HasField("permit")


@BOTH_DRIVERS
async def test_late_results_come_in_for_thirty_days_and_then_the_record_closes(running: Running) -> None:
    record = await running.open()

    await told(running, is_deceased=True, revision=2)
    await told(running, is_deceased=True, revision=2)

    assert (await get(running, record)).closing.motive_code == "FERMETURE_DECES"
    assert await pass_time(running, LATE_RESULTS - timedelta(minutes=1)) == 0
    assert await may_deposit(running, record)
    assert await pass_time(running, timedelta(minutes=1)) == 1
    assert not await may_deposit(running, record)
    assert (await look_up(running, DOCTOR)).closing_motive_code == "FERMETURE_DECES"
    kinds = [(one.kind, one.actor.role) for one in await events(running, record)]
    assert kinds[2:] == [("record.death_learnt", "PLATFORM"), ("record.closed", "PLATFORM")]


async def test_a_death_that_is_undone_in_time_closes_nothing(running: Running) -> None:
    record = await running.open()
    await told(running, is_deceased=True, revision=2)

    await told(running, is_deceased=False, revision=3)

    assert not (await get(running, record)).HasField("closing")
    assert await pass_time(running, LATE_RESULTS) == 0
    assert await running.answer(DOCTOR, record) == "permit"


@BOTH_DRIVERS
async def test_a_record_that_a_mistaken_death_closed_is_open_again_and_the_history_tells_it(running: Running) -> None:
    record = await running.open()
    await told(running, is_deceased=True, revision=2)
    await pass_time(running, LATE_RESULTS)

    await told(running, is_deceased=False, revision=3)

    assert await running.answer(DOCTOR, record) == "permit"
    last = (await events(running, record))[-1]
    assert (last.kind, last.change) == ("record.death_undone", "CLOSED")


async def test_a_record_that_its_holder_closed_stays_closed_whatever_identity_tells(running: Running) -> None:
    record = await running.open()
    await close(running, HOLDER, record)

    await told(running, is_deceased=True, revision=2)
    await told(running, is_deceased=False, revision=3)

    assert (await get(running, record)).state == record_pb2.RECORD_STATE_CLOSED
    assert (await events(running, record))[-1].kind == "record.closed"


async def test_older_news_is_no_news_and_the_job_asks_again_before_it_closes(running: Running) -> None:
    """What arrives late or twice changes nothing, and a message that was lost is made up for."""
    record = await running.open()
    await told(running, is_deceased=True, revision=5)
    await told(running, is_deceased=False, revision=4)
    assert (await get(running, record)).closing.motive_code == "FERMETURE_DECES"
    running.identity.persons[HOLDER.subject] = PersonStatus(is_qualified=True, revision=6)

    assert await pass_time(running, LATE_RESULTS) == 1

    assert await running.answer(DOCTOR, record) == "permit"
    assert (await events(running, record))[-1].kind == "record.death_undone"


async def test_a_silent_identity_closes_nothing_and_the_next_look_does(running: Running) -> None:
    record = await running.open()
    await told(running, is_deceased=True, revision=2)
    running.identity.is_down = True

    with pytest.raises(Refusal, match="identity does not answer"):
        await pass_time(running, LATE_RESULTS)
    assert await may_deposit(running, record)
    running.identity.is_down = False
    assert await pass_time(running, timedelta()) == 1


async def test_a_death_takes_the_place_of_an_announced_closing_and_is_opposed_by_nobody(running: Running) -> None:
    """Late results come in for their whole time."""
    record = await running.open()
    await close(running, DOCTOR, record)
    await told(running, is_deceased=True, revision=2)

    assert await pass_time(running, timedelta(days=14)) == 0
    with pytest.raises(Refusal) as refused:
        await oppose(running, HOLDER, record)
    assert (refused.value.reason, refused.value.metadata) == ("STATE_FORBIDS", {"state": "CLOSING_ANNOUNCED"})


async def test_no_record_is_opened_for_a_person_who_has_died_or_whom_identity_does_not_know(running: Running) -> None:
    await told(running, is_deceased=True, revision=2)
    with pytest.raises(Refusal) as refused:
        await running.open()
    assert refused.value.reason == "PERSON_DECEASED"
    with pytest.raises(Refusal) as refused:
        await told(running, is_deceased=True, revision=2, patient="x")
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", "patient")


async def test_the_job_outlives_its_store_and_closes_what_was_due_meanwhile(running: Running, stores: TestStores) -> None:
    """R2 in short: a store that is gone and comes back."""
    record = await running.open()
    await close(running, DOCTOR, record)
    running.clock.moved = timedelta(days=14)
    assert stores.mongod is not None
    stores.mongod.kill()
    job = asyncio.create_task(replace(running.consent.passing, every=timedelta(milliseconds=50)).run())
    try:
        with pytest.raises((PyMongoError, OSError, Refusal)):
            await oppose(running, HOLDER, record)
    finally:
        stores.mongod.restart()

    async def is_closed() -> bool:
        try:
            return (await get(running, record)).state == record_pb2.RECORD_STATE_CLOSED
        except Refusal:
            return False

    await eventually_answers(is_closed)
    assert not job.done()
    job.cancel()
    assert [one.kind for one in await events(running, record)].count("record.closed") == 1


async def test_a_professional_with_an_open_comparison_opens_no_record_and_another_does(running: Running) -> None:
    """DEVBOX EX_GEN-1230: a difference is for a person to settle before the first access."""
    running.identity.compared.add((DOCTOR.subject, HOLDER.subject))
    with pytest.raises(Refusal) as refused:
        await running.open()
    assert refused.value.reason == "DIFFERENCE_NOT_SETTLED"
    await running.open(NURSE)
