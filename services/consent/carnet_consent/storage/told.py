"""What one process has told, so that the others do not tell it again: alarms of a day."""

from datetime import UTC, datetime
from typing import Self

from carnet_platform.mongo import Collection, Database, ensure_collection
from pymongo.errors import DuplicateKeyError

from carnet_consent.storage.indexes import TOLD, TOLD_INDEXES, TOLD_VALIDATOR


class Told:
    """The collection `told`. A row is kept for some days by the machine's clock, which tests do not move."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    @classmethod
    async def open(cls, database: Database) -> Self:
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, TOLD, validator=TOLD_VALIDATOR, indexes=TOLD_INDEXES))

    async def first(self, what: str) -> bool:
        """Whether nobody has told this before."""
        try:
            await self._collection.insert_one({"_id": what, "time": datetime.now(UTC)})
        except DuplicateKeyError:
            return False
        return True
