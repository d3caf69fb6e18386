"""The rows of the directory: one professional found by RPPS, and a whole import of invented extracts."""

import asyncio
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from carnet.identity.v1.directory_service_pb2 import LookupProfessionalRequest
from carnet_client import Connection
from carnet_dev.extracts import rpps, write
from carnet_dev.plan import Plan
from carnet_dev.private_files import write_private
from carnet_identity.directory_import.main import nomenclatures
from carnet_identity.domain.activity import day_in_paris
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.extracts import DirectoryExtracts
from carnet_identity.storage.indexes import open_collections
from carnet_identity.usecases.import_directory import ImportDirectory
from carnet_platform import mongo
from carnet_platform.clock import SystemClock
from carnet_platform.keys import MasterKeys
from load.bench.load import Operation
from load.bench.report import AS_A_WHOLE, Row

IMPORT = "import-directory"
ACTIVITIES = 200_000
SURE_PEOPLE = 100_000
"""So many activities are of more people than this."""


def resolve_professional(connection: Connection) -> Operation:
    """One professional drawn at random, looked up by RPPS."""

    async def operation() -> int:
        request = LookupProfessionalRequest(rpps=rpps(random.randrange(SURE_PEOPLE)))
        answer = await connection.directory.LookupProfessional(request, timeout=30)
        return answer.ByteSize()

    return operation


def there_are_professionals(plan: Plan, say: Callable[[str], None]) -> Callable[[], Awaitable[None]]:
    """See to it that they lie in identity's store beside the people of the story; nobody is withdrawn."""

    async def prepare() -> None:
        url = (plan.folder / "urls" / "identity" / "mongo_url").read_text(encoding="utf-8").strip()
        client, clock = mongo.open_client(url, "pymongo"), SystemClock()
        keys = MasterKeys.load(plan.folder / "keys" / "identity")
        collections = await open_collections(client.get_default_database())
        store = DirectoryStore(collections.professionals, collections.structures, keys, clock)
        extracts = DirectoryExtracts(nomenclatures(), lambda line: sys.exit(f"a line was refused: {line}"))
        try:
            if await collections.professionals.estimated_document_count() < SURE_PEOPLE:
                say(f"{ACTIVITIES} activities of professionals")
                made = write(plan.folder / "extracts", ACTIVITIES)
                extracts.read_structures(made.structures)
                extracts.read_professionals(made.professionals)
                extracts.is_complete = False
                importing = ImportDirectory(store, DueWithdrawals(collections.due_withdrawals), most_withdrawn=0)
                await importing(extracts, day=day_in_paris(clock.now()), tokens_end=lambda: clock.now() + timedelta(minutes=7))
        finally:
            extracts.close()
            await mongo.close(client)

    return prepare


async def import_directory(folder: Path, url: str, driver: str, activities: int, say: Callable[[str], None]) -> Row:
    """Import into an empty directory, in a process of its own, against `insert_many` of the same rows."""
    write_private(folder / "urls" / "bench-directory", url)
    arguments = [str(folder / "urls" / "bench-directory"), driver, str(folder / "extracts"), str(activities)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "load.bench.directory_import", *arguments), stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the import of the bench failed")
    measured = json.loads(output)
    line = Row(
        IMPORT,
        "insert_many of the same rows",
        AS_A_WHOLE,
        0.0,
        0.0,
        round(activities / measured["seconds"], 1),
        round(measured["floor_seconds"] / measured["seconds"], 3),
        0.0,
        rss_growth_mb=round(measured["growth_mb"], 1),
    )
    say(f"{line.name}: {line.per_second:.0f} activities a second, {line.rate_to_floor:.2f} of the floor, {line.rss_growth_mb} MB grown")
    return line
