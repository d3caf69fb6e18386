"""Makes one batch durable, or knows that it does not know.

Promises that `commit` returns only when the batch is majority-committed and journaled, and that after an unknown outcome `settle`
inserts the very same document until the store answers. Reading "absent" is never final, for the first insert may still be on its
way; a duplicate key is not yet durable, for it is answered before the majority has the document: it is read back with majority
read concern and compared. Another document there means another writer owns the stream: Fenced.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

import structlog
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

from carnet_platform.mongo import READ_MAJORITY, Collection, raise_if_cancelled

TRY: Final = timedelta(seconds=3)
"""Patience with one insert or read."""
_PAUSES: Final = (0.02, 0.05, 0.1, 0.25)
"""Seconds between tries; the last one repeats."""
_COMPARED: Final = ("count", "prev_head", "head", "signature", "events", "closing")
"""What tells this writer's document from another's; `shipped` may have changed meanwhile."""

_log = structlog.get_logger(__name__)


class OutcomeUnknownError(Exception):
    """The store did not say whether it kept the batch."""


class FencedError(Exception):
    """Another writer owns this stream: this process must stop."""


class Committer:
    """Inserts documents into one collection, at most one at a time."""

    def __init__(self, collection: Collection) -> None:
        wait = int(TRY.total_seconds() * 1000)
        self._writes = collection.with_options(write_concern=WriteConcern("majority", j=True, wtimeout=wait))
        self._reads = collection.with_options(read_concern=READ_MAJORITY)

    async def commit(self, document: dict[str, Any]) -> None:
        """Insert once; OutcomeUnknownError on anything but success, a duplicate key included."""
        try:
            async with asyncio.timeout(TRY.total_seconds()):
                await self._writes.insert_one(document)
        except (PyMongoError, TimeoutError) as error:
            raise OutcomeUnknownError(type(error).__name__) from error

    async def settle(self, document: dict[str, Any]) -> None:
        """Insert the very same document again until it is durable; FencedError when another one is there."""
        tries = 0
        while not await self._is_durable(document, tries):
            raise_if_cancelled()
            await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1

    async def _is_durable(self, document: dict[str, Any], tries: int) -> bool:
        try:
            async with asyncio.timeout(TRY.total_seconds()):
                try:
                    await self._writes.insert_one(document)
                except DuplicateKeyError:
                    return _is_same(await self._reads.find_one({"_id": document["_id"]}), document)
        except (PyMongoError, TimeoutError) as error:
            _log.warning("journal.unsettled", batch=document["_id"], tries=tries, error=type(error).__name__)
            return False
        return True


def _is_same(found: dict[str, Any] | None, document: dict[str, Any]) -> bool:
    if found is None:  # not in the majority yet
        return False
    if any(found[name] != document[name] for name in _COMPARED):
        raise FencedError(document["stream"])
    return True
