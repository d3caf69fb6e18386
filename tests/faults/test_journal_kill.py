"""The journal under kill -9 of its writer and of mongod, and with mongod hung: what was acknowledged is there, and no chain breaks.

The short form of trial R1 for events. A kill leaves the page cache, so power loss is not tested here.
"""

import asyncio
import os
import random
import signal
import sys
import threading
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from carnet_dev.key_files import master_key_folder
from carnet_dev.mongod import Mongod
from carnet_platform.errors import Unavailable
from carnet_platform.journal import Journal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Client, Database
from support.journals import open_journal, some_keys, whole_stream
from support.stores_fixtures import TestStores
from support.waiting import elapsed, eventually, eventually_given

ROUNDS = {"motor": 3, "pymongo": 2}
WRITERS = 4
SEED = 7
_TESTS = Path(__file__).parents[1]


@dataclass
class Written:
    """A writing process, its stream, and what it was told to be durable."""

    stream: str
    public_key: bytes
    process: int
    acknowledged: dict[int, bytes] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        return True


class Writers:
    """The process that makes writing processes, and all they said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout
        self._process = process
        self._reading = asyncio.create_task(self._read())
        self._heard = asyncio.Event()
        self.written: dict[str, Written] = {}

    @classmethod
    async def start(cls, *arguments: str) -> "Writers":
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        command = (sys.executable, "-m", "support.journal_writer")
        return cls(await asyncio.create_subprocess_exec(*command, *arguments, cwd=_TESTS, stdin=pipe, stdout=pipe, stderr=null))

    async def begin(self, count: int) -> list[Written]:
        """Make that many more and wait until each has had an event acknowledged."""
        known = len(self.written)
        self._input.write(b"one\n" * count)
        while len(self.written) < known + count or not all(one.acknowledged for one in self.written.values()):
            self._heard.clear()
            await self._heard.wait()
        return list(self.written.values())[known:]

    async def end(self) -> list[Written]:
        """Everything said until the last of them was dead."""
        self._input.close()
        await self._reading
        await self._process.wait()
        return list(self.written.values())

    async def _read(self) -> None:
        while line := await self._output.readline():
            what, stream, first, second = line.split()
            name = stream.decode()
            if what == b"begun":
                self.written[name] = Written(name, bytes.fromhex(first.decode()), int(second))
            else:
                self.written[name].acknowledged[int(first)] = second
            self._heard.set()


async def one_round(dice: random.Random, mongod: Mongod, writers: Writers) -> None:
    """Kill mongod while they write, start it again, and kill each writer at a moment of its own, before, meanwhile or after."""
    begun = await writers.begin(WRITERS)
    # Timers of their own threads: starting mongod holds up this one, and mongod may only be started from it.
    kills = [threading.Timer(dice.uniform(0.0, 1.5), os.kill, (one.process, signal.SIGKILL)) for one in begun]
    for kill in kills:
        kill.start()
    await elapsed(dice.uniform(0.0, 0.1))
    mongod.kill()
    mongod.restart()
    await eventually(lambda: not any(one.is_running for one in begun))
    for kill in kills:
        kill.join()


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_no_acknowledged_event_is_lost_and_no_chain_breaks_however_often_writer_and_store_are_killed(
    database: tuple[Client, Database], stores: TestStores, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """R1."""
    folder = master_key_folder(tmp_path, date(2026, 1, 31))
    driver = request.node.callspec.params["database"]
    dice = random.Random(SEED)
    assert stores.mongod is not None
    writers = await Writers.start(stores.mongo_url(database[1].name), driver, str(folder))

    for _ in range(ROUNDS[driver]):
        await one_round(dice, stores.mongod, writers)

    reader = await open_journal(database[1], MasterKeys.load(folder))
    for one in await writers.end():
        batches = await whole_stream(reader, one.stream, one.public_key)
        events = {batch.first_seq + place: event.payload for batch in batches for place, event in enumerate(batch.events)}
        assert {number: events.get(number) for number in one.acknowledged} == one.acknowledged
    await reader.close()


async def appended_again(journal: Journal, patience: timedelta = timedelta(seconds=15)) -> int:
    """The number of the first event that is accepted again."""
    return await eventually_given(
        lambda: journal.append(b"after", timedelta(seconds=1)), lambda error: isinstance(error, Unavailable), patience
    )


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
@pytest.mark.parametrize("trouble", ["hung", "gone"])
async def test_while_mongod_is_hung_or_gone_appends_are_refused_in_time_and_then_the_chain_goes_on(
    database: tuple[Client, Database], stores: TestStores, trouble: str
) -> None:
    """R6 for the store of events: refused within the deadline, nothing lost, no restart needed."""
    mongod, loop = stores.mongod, asyncio.get_running_loop()
    assert mongod is not None
    journal = await open_journal(database[1], some_keys())
    assert await journal.append(b"before") == 0
    (mongod.stop if trouble == "hung" else mongod.kill)()
    try:
        for _ in range(3):
            start = loop.time()
            with pytest.raises(Unavailable) as refusal:
                await journal.append(b"meanwhile", timedelta(milliseconds=300))
            assert refusal.value.reason == "EVENT_NOT_DURABLE"
            assert loop.time() - start < 0.6
    finally:
        (mongod.cont if trouble == "hung" else mongod.restart)()

    last = await appended_again(journal)

    batches = await whole_stream(journal, journal.stream.stream, journal.stream.public_key)
    payloads = [event.payload for batch in batches for event in batch.events]
    assert payloads[0] == b"before"
    assert payloads[last] == b"after"
    assert len(payloads) == last + 1
    await journal.close()
