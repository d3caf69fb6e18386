"""The journal: durable before it answers, in order, chained, sealed; it refuses what it cannot make durable."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from carnet_platform.calls import Call, Caller, current
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Unavailable
from carnet_platform.journal import Journal, JournalBatch
from carnet_platform.journal.batch import MAX_BYTES, MAX_EVENTS
from carnet_platform.journal.journal import EXIT_FENCED
from carnet_platform.mongo import Client, Database
from pymongo import MongoClient
from support.journals import open_journal, some_keys, whole_stream
from support.stores_fixtures import TestStores

both_drivers = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
pytestmark = both_drivers


CALL = Call(method="/test.Things/Make", request_id="", caller=Caller("", ""), user=None, deadline=None, trace_id="", traceparent="")


def payloads(batches: list[JournalBatch]) -> list[bytes]:
    return [event.payload for batch in batches for event in batch.events]


@contextmanager
def failing_inserts(stores: TestStores, store: Database, times: int, **how: object) -> Iterator[None]:
    """Make mongod fail the next inserts into the journal of this test."""
    failure = {"failCommands": ["insert"], "namespace": f"{store.name}.journal", **how}
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as admin:
        admin.admin.command("configureFailPoint", "failCommand", mode={"times": times}, data=failure)
        yield
        admin.admin.command("configureFailPoint", "failCommand", mode="off")


async def settled(journal: Journal) -> None:
    async with asyncio.timeout(10):
        while journal.is_stuck:
            journal.grown.clear()
            await journal.grown.wait()


async def test_events_are_numbered_in_order_and_the_chain_is_whole(database: tuple[Client, Database]) -> None:
    journal = await open_journal(database[1], some_keys())
    wanted = [b"event %d" % number for number in range(50)]

    numbers = [await journal.append(payload) for payload in wanted[:10]]
    numbers += await asyncio.gather(*[journal.append(payload) for payload in wanted[10:]])
    await journal.close()

    assert numbers == list(range(50))
    batches = await whole_stream(journal, journal.stream.stream, journal.stream.public_key)
    assert payloads(batches) == wanted
    assert batches[-1].closing


async def test_what_queues_during_a_commit_becomes_the_next_batch(database: tuple[Client, Database]) -> None:
    journal = await open_journal(database[1], some_keys())

    await asyncio.gather(*[journal.append(b"event") for _ in range(200)])

    assert len(await whole_stream(journal, journal.stream.stream, journal.stream.public_key)) <= 3
    await journal.close()


async def test_a_batch_holds_at_most_512_events_and_a_mebibyte(database: tuple[Client, Database]) -> None:
    journal = await open_journal(database[1], some_keys())

    await asyncio.gather(*[journal.append(b"small") for _ in range(MAX_EVENTS + 100)])
    await asyncio.gather(*[journal.append(b"x" * (MAX_BYTES // 3)) for _ in range(7)])
    await asyncio.gather(journal.append(b"x" * MAX_BYTES), journal.append(b"x" * MAX_BYTES))

    batches = await whole_stream(journal, journal.stream.stream, journal.stream.public_key)
    assert all(len(batch.events) <= MAX_EVENTS for batch in batches)
    assert all(sum(len(event.payload) for event in batch.events) <= MAX_BYTES for batch in batches)
    with pytest.raises(ValueError, match="larger than a batch"):
        await journal.append(b"x" * (MAX_BYTES + 1))
    await journal.close()


async def test_a_queue_that_is_full_refuses(database: tuple[Client, Database]) -> None:
    journal = await open_journal(database[1], some_keys())

    answers = await asyncio.gather(*[journal.append(b"x" * MAX_BYTES) for _ in range(20)], return_exceptions=True)

    refused = [answer for answer in answers if not isinstance(answer, int)]
    assert 0 < len(refused) < 20
    assert all(isinstance(answer, Unavailable) and answer.reason == "EVENT_NOT_DURABLE" for answer in refused)
    await journal.close()


async def test_payloads_are_not_readable_in_the_store(database: tuple[Client, Database]) -> None:
    journal = await open_journal(database[1], some_keys())
    await journal.append(b"readable")
    await journal.close()

    async for document in database[1]["journal"].find():
        assert b"readable" not in document["events"]


async def test_a_closed_journal_refuses_and_its_stream_is_closed(database: tuple[Client, Database]) -> None:
    journal = await open_journal(database[1], some_keys())
    await journal.close()
    await journal.close()

    with pytest.raises(Unavailable):
        await journal.append(b"late")
    assert [stream["state"] async for stream in database[1]["streams"].find()] == ["closed"]


async def test_closing_commits_what_is_queued(database: tuple[Client, Database]) -> None:
    journal = await open_journal(database[1], some_keys())
    # Begun in this order, in one turn of the loop.
    *numbers, _ = await asyncio.gather(*(journal.append(b"event") for _ in range(5)), journal.close())

    assert numbers == [0, 1, 2, 3, 4]


async def test_an_appender_that_gave_up_takes_no_number_from_the_others(database: tuple[Client, Database]) -> None:
    journal = await open_journal(database[1], some_keys())
    first = asyncio.create_task(journal.append(b"first"))
    gone = asyncio.create_task(journal.append(b"gone"))
    last = asyncio.create_task(journal.append(b"last"))
    asyncio.get_running_loop().call_soon(gone.cancel)  # after all three have begun

    assert (await first, await last) == (0, 1)
    await journal.close()
    assert payloads(await whole_stream(journal, journal.stream.stream, journal.stream.public_key)) == [b"first", b"last"]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"closeConnection": True}, id="connection lost before"),
        pytest.param(
            {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}, id="stored, not yet by a majority"
        ),
        pytest.param({"errorCode": 121}, id="refused"),
    ],
)
async def test_an_unknown_outcome_refuses_the_batch_and_is_settled_by_the_same_document(
    database: tuple[Client, Database], stores: TestStores, how: dict[str, object]
) -> None:
    """Promise 1: what is not known to be durable is refused, and the number is used by nothing else."""
    journal = await open_journal(database[1], some_keys())
    assert await journal.append(b"before") == 0

    with failing_inserts(stores, database[1], 3, **how):
        answers = await asyncio.gather(*[journal.append(b"unknown") for _ in range(3)], return_exceptions=True)
        assert all(isinstance(answer, Unavailable) and answer.retry_after is not None for answer in answers)
        await settled(journal)

    assert await journal.append(b"after") == 4
    await journal.close()
    batches = await whole_stream(journal, journal.stream.stream, journal.stream.public_key)
    assert payloads(batches) == [b"before", b"unknown", b"unknown", b"unknown", b"after"]


async def test_while_the_store_hangs_append_gives_up_in_time(database: tuple[Client, Database], stores: TestStores) -> None:
    journal = await open_journal(database[1], some_keys())
    with failing_inserts(stores, database[1], 1, blockConnection=True, blockTimeMS=1500):
        start = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable):
            await journal.append(b"slow", timedelta(milliseconds=100))
        assert asyncio.get_running_loop().time() - start < 0.6

        deadline = SystemClock().boottime() + 0.1
        token = current.set(replace(CALL, deadline=deadline))
        with pytest.raises(Unavailable):
            await journal.append(b"slow")
        current.reset(token)
        assert asyncio.get_running_loop().time() - start < 1.2

        # The first was on its way and is stored; the second was still queued and is not.
        assert await journal.append(b"patient", timedelta(seconds=5)) == 1
    await journal.close()


FENCED = """
import asyncio, sys
from carnet_platform.errors import Unavailable
from carnet_platform.clock import SystemClock
from carnet_platform.journal import Journal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Client, Database, open_client

async def main():
    store = open_client(sys.argv[1], sys.argv[2]).get_default_database()
    journal = await Journal.open(store, MasterKeys({"2026-01-31": bytes(32)}, bytes(32)), SystemClock(), service="test")
    await journal.append(b"mine")
    theirs = await store["journal"].find_one()
    theirs |= {"_id": theirs["_id"][:-1] + "1", "first_seq": 1}
    await store["journal"].insert_one(theirs)
    print("next", flush=True)
    try:
        await journal.append(b"refused")
        print("released", flush=True)
    except Unavailable:
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_another_document_at_its_number_stops_the_process(
    database: tuple[Client, Database], stores: TestStores, request: pytest.FixtureRequest
) -> None:
    driver = request.node.callspec.params["database"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FENCED, stores.mongo_url(database[1].name), driver, stdout=asyncio.subprocess.PIPE
    )

    output, _ = await process.communicate()

    assert process.returncode == EXIT_FENCED
    assert b"next" in output
    assert b"released" not in output
