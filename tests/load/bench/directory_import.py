"""The row `import-directory`: two invented extracts into an empty directory, and the very same rows by bare `insert_many`.

A program of its own, so that its memory is that of the import alone. Prints one JSON line.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvloop
from carnet_dev.extracts import Extracts, write
from carnet_identity.directory_import.main import nomenclatures
from carnet_identity.domain.activity import day_in_paris
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.extracts import DirectoryExtracts
from carnet_identity.storage.indexes import open_collections
from carnet_identity.usecases.import_directory import AT_ONCE, STRUCTURES, ImportDirectory
from carnet_platform import mongo
from carnet_platform.clock import SystemClock
from carnet_platform.imports.command import collect_seldom
from carnet_platform.imports.progress import ImportProgress, files_key
from carnet_platform.keys import MasterKeys

COLLECTIONS = ("professionals", "structures", "directory_imports", "due_withdrawals", "bare")
KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)


async def imported(database: mongo.Database, made: Extracts) -> None:
    """Imports the files as the command does."""
    clock, collections = SystemClock(), await open_collections(database)
    extracts = DirectoryExtracts(nomenclatures(), lambda line: sys.exit(f"a line was refused: {line}"))
    try:
        extracts.read_structures(made.structures)
        extracts.read_professionals(made.professionals)
        day = day_in_paris(clock.now())
        key = files_key((made.structures, made.professionals), day)
        progress = ImportProgress(collections.directory_imports, KEYS, clock, key, STRUCTURES)
        store = DirectoryStore(collections.professionals, collections.structures, KEYS, clock)
        importing = ImportDirectory(store, DueWithdrawals(collections.due_withdrawals), most_withdrawn=0.2)
        report = await importing(extracts, day=day, tokens_end=lambda: clock.now() + timedelta(minutes=7), progress=progress)
        await progress.finish()
        if report.activities != made.activities:
            raise RuntimeError("every activity must be in")
    finally:
        extracts.close()


async def inserted(database: mongo.Database) -> float:
    """Seconds that the same rows take into a collection of their own without validator or index, as durable."""
    bare, seconds = database["bare"].with_options(write_concern=mongo.MAJORITY), 0.0
    for name in ("structures", "professionals"):
        async for rows in parts(database[name]):
            began = time.perf_counter()
            await bare.insert_many(rows, ordered=False)
            seconds += time.perf_counter() - began
    return seconds


async def parts(collection: mongo.Collection) -> AsyncIterator[list[dict[str, Any]]]:
    """The rows of a collection, some at a time."""
    rows: list[dict[str, Any]] = []
    async for row in collection.find({}):
        rows.append(row)
        if len(rows) == AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows


def megabytes() -> float:
    """The most memory that this program has had; what it was started from is not in it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


async def main(url_file: str, driver: str, folder: str, activities: str) -> None:
    made = write(Path(folder), int(activities))
    client = mongo.open_client(Path(url_file).read_text(encoding="utf-8").strip(), "pymongo" if driver == "pymongo" else "motor")
    database = client.get_default_database()
    for name in COLLECTIONS:
        await database[name].drop()
    collect_seldom()  # as the command does
    before, began = megabytes(), time.perf_counter()
    await imported(database, made)
    seconds, growth = time.perf_counter() - began, megabytes() - before
    floor = await inserted(database)
    await mongo.close(client)
    sys.stdout.write(json.dumps({"activities": made.activities, "seconds": seconds, "floor_seconds": floor, "growth_mb": growth}) + "\n")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:5]))
