"""Withdrawals that come at once are written together, each with a number and an answer of its own (C4, architecture.md 5, "One fence")."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet.consent.v1 import withdrawal_service_pb2 as pb
from carnet_consent.storage.fences import Fences
from carnet_consent.usecases.withdraw import Withdraw
from carnet_platform.errors import AlreadyExists, Unavailable
from carnet_platform.idempotency import Asked, Requests
from component.consent.conftest import CONTEXT, DOCTOR, KEYS, Running, new_request
from google.protobuf.timestamp_pb2 import Timestamp
from structlog.testing import capture_logs
from support.stores_fixtures import TestStores
from support.waiting import begun, eventually_given

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
AT_ONCE = 100
SOON = datetime.now(UTC) + timedelta(minutes=6)


async def register(running: Running, subject: str, request_id: str = "") -> int:
    """The number of a withdrawal."""
    expire_time = Timestamp()
    expire_time.FromDatetime(SOON)
    request = pb.RegisterWithdrawalRequest(request_id=request_id or new_request(), subject=subject, expire_time=expire_time)
    with DOCTOR.calling("/carnet.consent.v1.WithdrawalService/RegisterWithdrawal"):
        return (await running.withdrawals.RegisterWithdrawal(request, CONTEXT)).position


async def alarms(running: Running) -> list[str]:
    """The alarms of one look at the withdrawals."""
    with capture_logs() as logged:
        await running.consent.fence_watch.look()
    return [line["event"] for line in logged if line["log_level"] == "error"]


@BOTH_DRIVERS
async def test_a_hundred_at_once_get_numbers_without_a_gap_and_all_refuse(running: Running) -> None:
    """C4: within the five seconds that identity waits; written one by one, most of them would not be."""
    record = await running.open()
    subjects = [*(f"sessions/x{number % 60}" for number in range(AT_ONCE - 1)), DOCTOR.session]

    positions = await asyncio.gather(*(register(running, subject) for subject in subjects))

    assert sorted(positions) == list(range(1, AT_ONCE + 1))
    assert await running.answer(DOCTOR, record) == "SESSION_WITHDRAWN"
    assert (await running.decide(DOCTOR, record)).position == AT_ONCE
    assert await running.database["fences"].count_documents({}) == 60 + 2
    assert await alarms(running) == []


@BOTH_DRIVERS
async def test_a_refused_one_and_a_repeated_one_take_nothing_from_the_others(running: Running) -> None:
    used, twice = new_request(), new_request()
    assert await register(running, "sessions/a", used) == 1

    answers = await asyncio.gather(
        register(running, "sessions/b"),
        register(running, "sessions/other", used),
        register(running, "sessions/c", twice),
        register(running, "sessions/c", twice),
        register(running, "sessions/d"),
        return_exceptions=True,
    )

    refused = [one for one in answers if isinstance(one, BaseException)]
    assert [(type(one), getattr(one, "reason", "")) for one in refused] == [(AlreadyExists, "REQUEST_ID_REUSED")]
    assert isinstance(answers[1], AlreadyExists)
    assert answers[2] == answers[3]
    assert {one for one in answers if isinstance(one, int)} == {2, 3, 4}
    assert await register(running, "sessions/c", twice) == answers[2]
    assert await alarms(running) == []


async def test_who_goes_away_takes_nothing_from_the_others(running: Running, stores: TestStores) -> None:
    """A caller whose deadline passes while its withdrawal is written."""
    assert stores.mongod is not None
    stores.mongod.stop()  # so that none is written before the two have gone
    try:
        tasks = [asyncio.create_task(register(running, f"sessions/x{number}")) for number in range(5)]
        await begun(*tasks)
        tasks[0].cancel()
        tasks[3].cancel()
    finally:
        stores.mongod.cont()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(one, int) for one in answers] == [False, True, True, False, True]
    assert await alarms(running) == []


async def test_two_processes_count_on_in_one_row(running: Running, database: tuple[Any, Any]) -> None:
    """Each writes its own together; where their transactions conflict, one runs again."""
    both = [await another(database, running, timedelta(seconds=5)) for _ in range(2)]

    positions = await asyncio.gather(*(both[number % 2](asked(number), f"sessions/x{number}", SOON) for number in range(40)))

    assert sorted(positions) == list(range(1, 41))
    assert await alarms(running) == []


async def test_a_hung_store_withdraws_nothing_that_is_told_and_goes_on(
    running: Running, database: tuple[Any, Any], stores: TestStores
) -> None:
    """R7: nobody is told that it holds; a retry with the same request is told once it does."""
    withdraw = await another(database, running, timedelta(milliseconds=300))
    assert await withdraw(asked(0), "sessions/x0", SOON) == 1
    assert stores.mongod is not None
    stores.mongod.stop()
    try:
        answers = await asyncio.gather(*(withdraw(asked(number), f"sessions/x{number}", SOON) for number in (1, 2)), return_exceptions=True)
    finally:
        stores.mongod.cont()
    assert [type(one) for one in answers] == [Unavailable, Unavailable]

    async def told() -> int:
        return await withdraw(asked(1), "sessions/x1", SOON)

    assert await eventually_given(told, lambda error: isinstance(error, Unavailable)) >= 2
    assert await running.answer(DOCTOR, await running.open()) == "permit"


async def another(database: tuple[Any, Any], running: Running, patience: timedelta) -> Withdraw:
    """The verb as another process has it."""
    client, opened = database
    return Withdraw(client, await Fences.open(opened, KEYS), await Requests.open(opened, KEYS), running.clock, patience)


def asked(number: int) -> Asked:
    return Asked("RegisterWithdrawal", "spiffe://carnet/identity", f"00000000-0000-4000-8000-{number:012d}", b"")
