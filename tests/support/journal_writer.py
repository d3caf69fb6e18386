"""A process that makes writing processes: each line on its standard input forks one that appends to a journal until it is killed.

Arguments: URL of the store, driver, folder of master keys. Standard output, one line in one write each: `begun <stream> <public
key> <process>` for a new one, then `stored <stream> <number> <payload>` for each event acknowledged to it. It ends with its input.
Forking spares each of them a second of imports; nothing has been opened or started at that moment.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import cast

import motor.motor_asyncio  # noqa: F401  so that it is imported once
import structlog
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Unavailable
from carnet_platform.journal import Journal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Driver, open_client

from support.waiting import eventually

_APPENDERS = 16


def _tell(*words: object) -> None:
    # In one piece, and gone from this process before anything else happens: a kill cannot take it back.
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


async def _append_for_ever(journal: Journal, appender: int) -> None:
    number = 0
    while True:
        payload = f"{appender}:{number}"
        number += 1
        try:
            seq = await journal.append(payload.encode(), timedelta(seconds=1))
        except Unavailable:
            await eventually(lambda: not journal.is_stuck, interval=0.01)  # a caller that comes back
        else:
            _tell("stored", journal.stream.stream, seq, payload)


async def _write(url: str, driver: str, folder: str) -> None:
    store = open_client(url, cast(Driver, driver)).get_default_database()
    journal = await Journal.open(store, MasterKeys.load(Path(folder)), SystemClock(), service="test")
    _tell("begun", journal.stream.stream, journal.stream.public_key.hex(), os.getpid())
    await asyncio.gather(*[_append_for_ever(journal, appender) for appender in range(_APPENDERS)])


def _main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are reaped by the kernel
    for _ in sys.stdin:
        if os.fork() == 0:
            asyncio.run(_write(*sys.argv[1:]))


if __name__ == "__main__":
    _main()
