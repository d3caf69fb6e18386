"""Waiting until what was written has reached the log, so that a measurement is not shared with the shipping of the seed."""

from collections.abc import Callable

from carnet_dev.stores import Stores
from pymongo import AsyncMongoClient
from support.waiting import elapsed

DATABASES = ("carnet_identity", "carnet_consent", "carnet_documents", "carnet_audit")
LOOK_SECONDS = 2.0


async def settled(stores: Stores, say: Callable[[str], None]) -> None:
    """Return once no service has a batch or a change that the log has not, and the log has made a leaf of each."""
    if stores.mongod is None:
        return
    async with AsyncMongoClient[dict[str, object]](stores.mongod.admin_url) as client:
        told = -1
        while waiting := await _waiting(client):
            if told < 0 or waiting < told * 0.75:
                say(f"{waiting} events are on their way to the log")
                told = waiting
            await elapsed(LOOK_SECONDS)


async def _waiting(client: "AsyncMongoClient[dict[str, object]]") -> int:
    counts = [await client[database][kind].count_documents({"shipped": False}) for database in DATABASES for kind in ("changes", "journal")]
    return sum(counts) + await client["carnet_audit"]["events"].count_documents({"state": "pending"})
