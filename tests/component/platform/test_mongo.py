"""The storage suite: what storage code may use gives the same results on both drivers, on a real mongod."""

import asyncio

import pytest
from carnet_platform.mongo import Client, Database, Session, aggregate, conflict, ensure_collection, in_transaction, transaction, watch
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError, OperationFailure, WriteError

both_drivers = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
pytestmark = [both_drivers, pytest.mark.usefixtures("database_name")]  # what is made, and how, is looked at: none is shared

NUMBERED = {"$jsonSchema": {"required": ["n"], "properties": {"n": {"bsonType": "int"}}}}
NAMED = {"$jsonSchema": {"required": ["name"]}}


async def test_a_collection_is_made_with_validator_and_indexes_and_once_only(database: tuple[Client, Database]) -> None:
    _, store = database
    index = IndexModel([("n", ASCENDING)], unique=True)
    first, second = await asyncio.gather(
        ensure_collection(store, "things", validator=NUMBERED, indexes=[index]),
        ensure_collection(store, "things", validator=NUMBERED, indexes=[index]),
    )

    await first.insert_one({"n": 1})
    with pytest.raises(DuplicateKeyError):
        await second.insert_one({"n": 1})
    with pytest.raises(WriteError, match="failed validation"):
        await first.insert_one({"n": "one"})


async def test_a_changed_validator_is_taken_over(database: tuple[Client, Database]) -> None:
    _, store = database
    await ensure_collection(store, "things", validator=NUMBERED)
    things = await ensure_collection(store, "things", validator=NAMED)

    await things.insert_one({"name": "a"})
    with pytest.raises(WriteError, match="failed validation"):
        await things.insert_one({"n": 1})


async def test_writes_are_journaled_by_a_majority_and_reads_are_of_the_majority(database: tuple[Client, Database]) -> None:
    client, store = database
    things = await ensure_collection(store, "things", validator={})

    assert things.write_concern.document == {"w": "majority", "j": True}
    assert things.read_concern.level == "majority"
    assert client["other"]["things"].write_concern.document == {"w": "majority", "j": True}


async def test_a_transaction_is_all_or_nothing(database: tuple[Client, Database]) -> None:
    client, store = database
    things = await ensure_collection(store, "things", validator={})

    async with transaction(client) as session:
        await things.insert_one({"_id": 1}, session=session)
        await things.insert_one({"_id": 2}, session=session)

    async def fail() -> None:
        async with transaction(client) as session:
            await things.insert_one({"_id": 3}, session=session)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert [document["_id"] async for document in things.find().sort("_id")] == [1, 2]


async def test_a_transaction_that_met_a_conflict_is_run_again(database: tuple[Client, Database]) -> None:
    client, store = database
    things = await ensure_collection(store, "things", validator={})
    runs = 0

    async def body(session: Session) -> str:
        nonlocal runs
        runs += 1
        await things.insert_one({"_id": runs}, session=session)
        if runs < 3:
            raise conflict("somebody was faster")
        return "done"

    assert await in_transaction(client, body) == "done"
    assert [document["_id"] async for document in things.find()] == [3]


async def test_concurrent_transactions_on_one_document_lose_no_update(database: tuple[Client, Database]) -> None:
    client, store = database
    things = await ensure_collection(store, "things", validator={})
    await things.insert_one({"_id": 1, "n": 0})

    async def increment(session: Session) -> None:
        found = await things.find_one({"_id": 1}, session=session)
        assert found is not None
        await things.update_one({"_id": 1}, {"$set": {"n": found["n"] + 1}}, session=session)

    await asyncio.gather(*[in_transaction(client, increment) for _ in range(8)])

    assert await things.find_one({"_id": 1}) == {"_id": 1, "n": 8}


async def test_an_aggregation_gives_a_cursor(database: tuple[Client, Database]) -> None:
    _, store = database
    things = await ensure_collection(store, "things", validator={})
    await things.insert_many([{"n": n} for n in range(4)])

    cursor = await aggregate(things, [{"$group": {"_id": None, "sum": {"$sum": "$n"}}}])

    assert [document["sum"] async for document in cursor] == [6]


async def test_a_watch_sees_changes_made_after_it_was_opened(database: tuple[Client, Database]) -> None:
    _, store = database
    things = await ensure_collection(store, "things", validator={})

    async with watch(things, [{"$match": {"operationType": "insert"}}]) as changes:
        await things.insert_one({"_id": 1})
        change = await changes.next()

    assert change["documentKey"] == {"_id": 1}


async def test_another_database_is_refused(database: tuple[Client, Database]) -> None:
    client, _ = database

    with pytest.raises(OperationFailure, match="not authorized"):
        await client["somebody_elses"]["things"].find_one()


async def test_instants_come_back_aware(database: tuple[Client, Database]) -> None:
    _, store = database
    things = await ensure_collection(store, "things", validator={})
    await things.update_one({"_id": 1}, {"$currentDate": {"time": True}}, upsert=True)

    found = await things.find_one()

    assert found is not None
    assert found["time"].tzinfo is not None
