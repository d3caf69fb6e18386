"""How many records were opened for the first time today, and by whom: in the store, so that all processes count together.

A count is raised only while it is below the budget, in one step of the store: no number of processes gives anybody more. A pair of
professional and person that was counted today is known by an HMAC, so it counts once and the row names nobody. Nothing here is sealed:
whoever can write to the store needs no budget.
"""

from datetime import UTC, datetime
from typing import Self

from carnet_platform.envelope import mac
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection, Database, ensure_collection
from pymongo.errors import DuplicateKeyError

from carnet_consent.storage.indexes import OPENINGS, OPENINGS_INDEXES, OPENINGS_VALIDATOR


class Openings:
    """The collection `openings`. A row is kept for some days by the machine's clock, which tests do not move."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._collection, self._key = collection, keys.derive("opening-pair")

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> Self:
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, OPENINGS, validator=OPENINGS_VALIDATOR, indexes=OPENINGS_INDEXES), keys)

    async def was_counted(self, day: str, professional: str, patient: str) -> bool:
        """Whether this pair was counted today."""
        return await self._collection.find_one({"_id": self._pair(day, professional, patient)}) is not None

    async def remember(self, day: str, professional: str, patient: str) -> None:
        """Remember that this pair was counted today."""
        row = {"$set": {"count": 1, "time": datetime.now(UTC)}}
        await self._collection.update_one({"_id": self._pair(day, professional, patient)}, row, upsert=True)

    async def take(self, day: str, who: str, most: int | None) -> int:
        """Count one more of somebody, unless that passes `most`; return the count, or 0 when it was not counted."""
        within = {} if most is None else {"count": {"$lt": most}}
        more = {"$inc": {"count": 1}, "$set": {"time": datetime.now(UTC)}}
        name = f"{day} {who}"
        # At least one of the two finds the row that another process has made meanwhile; neither raises a count that has reached the most.
        for makes_it in (False, True, False):
            try:
                found = await self._collection.find_one_and_update(
                    {"_id": name, **within}, more, upsert=makes_it, projection={"count": 1}, return_document=True
                )
            except DuplicateKeyError:
                continue
            if found is not None:
                return int(found["count"])
        return 0

    def _pair(self, day: str, professional: str, patient: str) -> str:
        return mac(self._key, day.encode(), professional.encode(), patient.encode()).hex()
