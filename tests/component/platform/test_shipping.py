"""Shipping: everything reaches the log, in order, whatever the log does meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from bson.binary import Binary
from carnet_platform.changes import ChangeLog, ShippedChange
from carnet_platform.clock import SystemClock
from carnet_platform.journal import Journal
from carnet_platform.mongo import Client, Database, Session, in_transaction
from carnet_platform.shipping import MissingBatchesError, Shipper, StreamShipper
from support.journals import TestLog, open_journal, some_keys
from support.waiting import eventually_answers

pytestmark = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)


class SlowLog(TestLog):
    """A log that has not taken more than `most` changes by the time its sender loses patience."""

    most = 100

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[int] = []

    async def send_changes(self, changes: Sequence[ShippedChange]) -> None:
        self.pages.append(len(changes))
        if len(changes) > self.most:
            await asyncio.Event().wait()
        await super().send_changes(changes)


@asynccontextmanager
async def shipping(journal: Journal, log: TestLog, changes: ChangeLog | None = None) -> AsyncIterator[Shipper]:
    shipper = Shipper(journal, changes, log, SystemClock(), send_time=timedelta(milliseconds=200))
    task = asyncio.create_task(shipper.run())
    try:
        yield shipper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def died(journal: Journal, store: Database, seconds: int) -> None:
    """What a kill leaves: no closing batch, and a last sign of life that long ago."""
    assert journal._task is not None
    journal._task.cancel()
    seen = datetime.now(UTC) - timedelta(seconds=seconds)
    await store["streams"].update_one({"_id": journal.stream.stream}, {"$set": {"last_seen": seen}})


async def state(journal: Journal, store: Database) -> str:
    found = await store["streams"].find_one({"_id": journal.stream.stream})
    return "" if found is None else str(found["state"])


async def test_the_own_stream_arrives_whole_and_is_marked(database: tuple[Client, Database]) -> None:
    journal, log = await open_journal(database[1], some_keys()), TestLog()
    name = journal.stream.stream
    async with shipping(journal, log) as shipper:
        for number in range(30):
            await journal.append(b"event %d" % number)
        await log.until(lambda: log.next_seq(name) == 30)
        await journal.close()

        assert await shipper.drain()

    assert log.payloads(name) == [b"event %d" % number for number in range(30)]
    assert log.batches[name][-1].closing
    assert await journal.store.unshipped_streams() == []


async def test_a_stream_gives_a_sign_of_life_each_second(database: tuple[Client, Database]) -> None:
    journal, log = await open_journal(database[1], some_keys()), TestLog()
    async with shipping(journal, log):
        await log.until(lambda: log.sends.count(f"batches {journal.stream.stream} 0") >= 3, timedelta(seconds=4))
    await journal.close()


@pytest.mark.parametrize("trouble", ["is_gone", "is_hung"])
async def test_a_log_that_is_gone_or_hung_gets_everything_once_it_is_back(database: tuple[Client, Database], trouble: str) -> None:
    """R8."""
    keys = some_keys()
    journal, changes, log = await open_journal(database[1], keys), await ChangeLog.open(database[1], keys), TestLog()
    setattr(log, trouble, True)
    async with shipping(journal, log, changes):
        for _ in range(5):
            await journal.append(b"event")
            await in_transaction(database[0], lambda session: changes.append(session, "boxes/a", b"change"))
        await log.until(lambda: len(log.sends) >= 4)
        setattr(log, trouble, False)

        await log.until(lambda: log.next_seq(journal.stream.stream) == 5 and len(log.changes.get("boxes/a", {})) == 5)
    await journal.close()


async def test_a_log_that_forgot_is_sent_again_from_the_number_it_names(database: tuple[Client, Database]) -> None:
    journal, log = await open_journal(database[1], some_keys()), TestLog()
    name = journal.stream.stream
    async with shipping(journal, log):
        for _ in range(6):
            await journal.append(b"event")
        await log.until(lambda: log.next_seq(name) == 6)
        log.forget(name, 3)
        await journal.append(b"event")

        await log.until(lambda: log.next_seq(name) == 7)
    assert len(log.payloads(name)) == 7
    await journal.close()


async def test_a_log_that_forgot_more_than_is_kept_is_not_answered_with_a_gap(database: tuple[Client, Database]) -> None:
    journal, log = await open_journal(database[1], some_keys()), TestLog()
    for _ in range(3):
        await journal.append(b"event")
    await database[1]["journal"].delete_one({"first_seq": 0})

    with pytest.raises(MissingBatchesError):
        await StreamShipper(journal.stream, journal.store, log).ship()
    assert log.payloads(journal.stream.stream) == []
    await journal.close()


async def test_a_number_inside_a_batch_is_answered_with_the_whole_batch(database: tuple[Client, Database]) -> None:
    journal = await open_journal(database[1], some_keys())
    await journal.append(b"event")
    await asyncio.gather(*[journal.append(b"event") for _ in range(20)])
    await asyncio.gather(*[journal.append(b"event") for _ in range(20)])
    starts = [batch.first_seq for batch in await journal.store.read(journal.stream.stream, 0, 100)]

    for seq in range(41):
        assert await journal.store.start_of_batch_with(journal.stream.stream, seq) == max(start for start in starts if start <= seq)
    assert await journal.store.start_of_batch_with(journal.stream.stream, 41) == 41
    await journal.close()


async def test_what_a_dead_process_left_is_shipped_and_its_stream_abandoned_after_a_minute(database: tuple[Client, Database]) -> None:
    keys, log = some_keys(), TestLog()
    dead, mine = await open_journal(database[1], keys), await open_journal(database[1], keys)
    name = dead.stream.stream
    for _ in range(3):
        await dead.append(b"left")
    shipper = Shipper(mine, None, log, SystemClock())

    await shipper.ship_orphans()
    assert log.payloads(name) == []  # seen alive a moment ago

    await died(dead, database[1], 30)
    await shipper.ship_orphans()
    assert log.payloads(name) == [b"left"] * 3
    assert await state(dead, database[1]) == "open"

    await died(dead, database[1], 61)
    await shipper.ship_orphans()
    assert await state(dead, database[1]) == "abandoned"
    assert not any(batch.closing for batch in log.batches[name])
    assert await state(mine, database[1]) == "open"
    await mine.close()


async def test_what_a_closed_process_left_is_shipped_at_once(database: tuple[Client, Database]) -> None:
    keys, log = some_keys(), TestLog()
    left, mine = await open_journal(database[1], keys), await open_journal(database[1], keys)
    await left.append(b"left")
    await left.close()

    await Shipper(mine, None, log, SystemClock()).ship_orphans()

    assert log.payloads(left.stream.stream) == [b"left"]
    assert log.batches[left.stream.stream][-1].closing
    assert await mine.store.unshipped_streams() == []
    await mine.close()


async def is_all_shipped(changes: ChangeLog) -> bool:
    return await changes.unshipped("", 1) == ([], "")


async def is_open(journal: Journal, store: Database) -> bool:
    return await state(journal, store) == "open"


async def test_an_abandoned_stream_whose_owner_wakes_up_is_open_again(database: tuple[Client, Database]) -> None:
    keys, log = some_keys(), TestLog()
    sleeper, mine = await open_journal(database[1], keys), await open_journal(database[1], keys)
    seen = datetime.now(UTC) - timedelta(seconds=90)
    await database[1]["streams"].update_one({"_id": sleeper.stream.stream}, {"$set": {"last_seen": seen}})
    await Shipper(mine, None, log, SystemClock()).ship_orphans()
    assert await state(sleeper, database[1]) == "abandoned"

    async with shipping(sleeper, log):
        await sleeper.append(b"awake")
        await log.until(lambda: log.payloads(sleeper.stream.stream) == [b"awake"])
        await log.until(lambda: log.sends.count(f"batches {sleeper.stream.stream} 0") >= 1)
        await eventually_answers(lambda: is_open(sleeper, database[1]))
    await sleeper.close()
    await mine.close()


async def test_changes_arrive_in_order_for_each_subject_and_are_marked(database: tuple[Client, Database]) -> None:
    keys, log = some_keys(), TestLog()
    journal, changes = await open_journal(database[1], keys), await ChangeLog.open(database[1], keys)
    subjects = [f"boxes/{letter}" for letter in "zbam"]

    async def several(session: Session) -> None:
        for subject in subjects:
            await changes.append(session, subject, b"change")

    async with shipping(journal, log, changes):
        for _ in range(12):
            await in_transaction(database[0], several)
        await log.until(lambda: all(len(log.changes.get(subject, {})) == 12 for subject in subjects))
        await eventually_answers(lambda: is_all_shipped(changes))
    await journal.close()


async def test_a_change_that_cannot_be_read_or_is_refused_holds_up_no_other_subject(database: tuple[Client, Database]) -> None:
    keys, log = some_keys(), TestLog()
    journal, changes = await open_journal(database[1], keys), await ChangeLog.open(database[1], keys)

    async def one_each(session: Session) -> None:
        for subject in ("boxes/broken", "boxes/fine", "boxes/refused", "boxes/well"):
            await changes.append(session, subject, b"change")

    await in_transaction(database[0], one_each)
    stored = await database[1]["changes"].find_one({"subject": "boxes/broken"})
    assert stored is not None
    flipped = bytes([*stored["event"][:-1], stored["event"][-1] ^ 1])
    await database[1]["changes"].update_one({"_id": stored["_id"]}, {"$set": {"event": Binary(flipped)}})
    log.refuses = "boxes/refused"
    async with shipping(journal, log, changes):
        await log.until(lambda: all(len(log.changes.get(subject, {})) == 1 for subject in ("boxes/fine", "boxes/well")))
        log.refuses = ""
        await log.until(lambda: len(log.changes.get("boxes/refused", {})) == 1)
    assert "boxes/broken" not in log.changes
    await journal.close()


async def test_a_slow_log_gets_smaller_pages_until_everything_arrived(database: tuple[Client, Database]) -> None:
    """R8: a page that is too large for the log's time would be too large for ever."""
    keys, log = some_keys(), SlowLog()
    journal, changes = await open_journal(database[1], keys), await ChangeLog.open(database[1], keys)
    subjects = [f"boxes/{number:03d}" for number in range(120)]

    async def one_each(session: Session) -> None:
        for subject in subjects:
            await changes.append(session, subject, b"change", revision=1)

    await in_transaction(database[0], one_each)
    async with shipping(journal, log, changes):
        await log.until(lambda: sorted(log.changes) == subjects)
        await eventually_answers(lambda: is_all_shipped(changes))
    assert log.pages[0] > log.most, "it tries the whole backlog first"
    arrived = [page for page in log.pages if page <= log.most]
    assert sum(arrived) == len(subjects), "each page that was small enough arrived once"
    await journal.close()
