"""Withdrawals registered by other services: sessions, professionals, structures, activities, certificates (the one fence).

Each has a number; the newest number stands in the document `position`. A withdrawal is kept as long as a token could still name what it
withdraws, and a while longer: a clock that is wrong by the tolerated minute must not revive a token. Registering twice keeps the later end.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from carnet_platform.mongo import Collection, Database, Session, ensure_collection
from pymongo import ReturnDocument

from carnet_consent.storage.indexes import FENCES, FENCES_INDEXES, FENCES_VALIDATOR

POSITION: Final = "position"
TOLERANCE: Final = timedelta(seconds=60)
"""By how much the clocks of the system may differ (trial R9)."""
KEPT_AFTER: Final = timedelta(hours=1)


class Fences:
    """The collection `fences`."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    @classmethod
    async def open(cls, database: Database) -> Self:
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, FENCES, validator=FENCES_VALIDATOR, indexes=FENCES_INDEXES))

    async def register(self, session: Session, subject: str, expire_time: datetime) -> int:
        """Register a withdrawal inside a transaction and return its number."""
        counted = await self.collection.find_one_and_update(
            {"_id": POSITION}, {"$inc": {"position": 1}}, upsert=True, return_document=ReturnDocument.AFTER, session=session
        )
        position = int(counted["position"]) if counted else 0
        # The store deletes by its own clock, which tests do not move: counted from now, not from the instant named.
        delete_time = max(expire_time, datetime.now(UTC)) + KEPT_AFTER
        update = {"$set": {"position": position}, "$max": {"expire_time": expire_time, "delete_time": delete_time}}
        await self.collection.update_one({"_id": subject}, update, upsert=True, session=session)
        return position

    async def withdrawn(self, session: Session, names: Iterable[str], now: datetime) -> bool:
        """Whether any of these is withdrawn, inside a transaction."""
        return any([holds(found, now) async for found in self.collection.find({"_id": {"$in": list(names)}}, session=session)])


def holds(fence: Mapping[str, Any], now: datetime) -> bool:
    """Whether a stored withdrawal still refuses."""
    return fence["_id"] != POSITION and bool(now < fence["expire_time"] + TOLERANCE)
