"""A suspended process does nothing any more once `suspend` has returned, however many threads it has."""

import asyncio
import mmap
import os
import sys
from pathlib import Path

import pytest
from carnet_dev.suspension import resume, suspend
from support.waiting import eventually

THREADS = 8
ROUNDS = 10
COUNTING = """
import mmap, sys, threading
with open(sys.argv[1], "r+b") as file:
    counters = mmap.mmap(file.fileno(), 0)
def count(place):
    while True:
        counters[place] = (counters[place] + 1) % 256
for place in range(len(counters)):
    threading.Thread(target=count, args=(place,)).start()
"""


async def goes_on(counters: mmap.mmap) -> None:
    before = counters[:]
    await eventually(lambda: counters[:] != before)


async def test_no_thread_does_anything_from_the_return_of_suspend_until_it_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "counters"
    path.write_bytes(bytes(THREADS))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as counters:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", COUNTING, str(path))
        try:
            for _ in range(ROUNDS):
                await goes_on(counters)
                suspend(process.pid)
                seen = counters[:]
                os.sched_yield()
                assert counters[:] == seen
                resume(process.pid)
        finally:
            process.kill()
            await process.wait()


async def test_what_has_ended_cannot_be_suspended() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()
    with pytest.raises(ProcessLookupError):
        suspend(process.pid)
