"""A store that hangs or is gone gives no permit: nothing is decided (docs/architecture.md, promise 3)."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import pytest
from carnet_consent.storage.fences import Fences
from carnet_consent.storage.indexes import FENCES, RECORDS
from carnet_consent.storage.read_batch import Barrier, Limits, ReadBatch
from carnet_consent.storage.records import Records
from carnet_platform.errors import Refusal, ResourceExhausted
from component.consent.conftest import DOCTOR, HOLDER, KEYS, Running
from pymongo import MongoClient
from support.stores_fixtures import TestStores
from support.waiting import begun

NOT_WRITABLE_PRIMARY: Final = 10107


async def outcome(running: Running, record: str) -> str:
    """What a decision ends with; the errors of the drivers are what the platform renders as Unavailable."""
    try:
        return await running.answer(DOCTOR, record)
    except Refusal as refusal:
        return refusal.reason


async def first_decision(running: Running, record: str) -> str:
    """What is decided once the store answers again; each try waits for the store by itself."""
    async with asyncio.timeout(20):
        while (after := await outcome(running, record)) == "DEPENDENCY_UNAVAILABLE":
            pass
    return after


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_a_hung_store_permits_nothing_and_recovers(running: Running, stores: TestStores) -> None:
    record = await running.open()
    assert await outcome(running, record) == "permit"

    assert stores.mongod is not None
    stores.mongod.stop()
    try:
        answers = await asyncio.gather(*(outcome(running, record) for _ in range(20)))
    finally:
        stores.mongod.cont()

    assert answers == ["DEPENDENCY_UNAVAILABLE"] * 20
    assert await first_decision(running, record) == "permit"


async def test_a_store_that_is_gone_permits_nothing_and_loses_no_withdrawal(running: Running, stores: TestStores) -> None:
    """R2 in short: what was acknowledged holds after the store was killed."""
    record = await running.open()
    await running.state(HOLDER, record, DOCTOR.subject, "BLOCK")

    assert stores.mongod is not None
    stores.mongod.kill()
    try:
        assert await outcome(running, record) == "DEPENDENCY_UNAVAILABLE"
    finally:
        stores.mongod.restart()

    assert await first_decision(running, record) == "BLOCKED"


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_a_primary_that_can_no_longer_write_permits_nothing_though_it_still_reads(running: Running, stores: TestStores) -> None:
    """R5: a deposed primary, or one that has lost its majority, fails the barrier, and what it would read is not believed."""
    record = await running.open()
    refused = {"failCommands": ["update"], "errorCode": NOT_WRITABLE_PRIMARY}

    with MongoClient[dict[str, object]](stores.mongo_admin_url) as admin:
        admin.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=refused)
        try:
            assert await outcome(running, record) == "DEPENDENCY_UNAVAILABLE"
        finally:
            admin.admin.command("configureFailPoint", "failCommand", mode="off")

    assert await first_decision(running, record) == "permit"


@pytest.mark.usefixtures("database_name")  # whose profile is read
@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_what_is_read_comes_after_the_barrier_on_whichever_member(running: Running, stores: TestStores) -> None:
    """R5: a member that became primary in between must have the barrier before it answers."""
    record = await running.open()
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as admin:
        database = admin[running.database.name]
        read_from = [f"{database.name}.{name}" for name in (RECORDS, FENCES)]
        database.command("profile", 2)
        assert await running.answer(DOCTOR, record) == "permit"
        database.command("profile", 0)
        commands = [line["command"] for line in database["system.profile"].find({"ns": {"$in": read_from}})]

    (read,) = commands
    assert read["aggregate"] == RECORDS
    assert FENCES in [stage["$unionWith"]["coll"] for stage in read["pipeline"] if "$unionWith" in stage]
    assert read["readConcern"]["level"] == "majority"
    assert "afterClusterTime" in read["readConcern"]


async def test_a_full_queue_refuses_at_once(database: tuple[Any, Any], running: Running) -> None:
    """R10: what waits is bounded."""
    _, opened = database
    records, fences = await Records.open(opened, KEYS), await Fences.open(opened, KEYS)
    limits = Limits(timeout=timedelta(seconds=1), batch=1, queue=1)
    batch = ReadBatch(records, fences, await Barrier.open(opened), running.clock, limits)
    waiting = asyncio.ensure_future(batch.read("records/r", ()))
    await begun(waiting)

    with pytest.raises(ResourceExhausted):
        await batch.read("records/r", ())

    waiting.cancel()
