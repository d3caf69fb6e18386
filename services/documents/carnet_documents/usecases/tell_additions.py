"""Tells consent which documents were added, until it has learnt that. Runs as long as the process lives, in every process.

A deposit never waits for this: it writes one row more in its own transaction. What is deposited into one record within a short while is
told in one call. A consent that does not answer, or refuses, is asked again after a growing pause, for ever: the row is small, and who
is to be told must be; unless the record is gone. Told twice is told once, since a batch keeps its identifier (`storage/additions.py`).
"""

import asyncio
from datetime import timedelta
from typing import Protocol

import structlog
from carnet_platform.clock import Clock
from carnet_platform.errors import NotFound, Refusal, Unavailable
from carnet_platform.mongo import raise_if_cancelled
from pymongo.errors import PyMongoError

from carnet_documents.domain.addition import Batch
from carnet_documents.storage.additions import Additions

TAKEN_FOR = timedelta(seconds=20)
"""Longer than a call may take."""
_SHORTEST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(seconds=30)
_REFUSED_PAUSE = timedelta(minutes=10)
_log = structlog.get_logger(__name__)


class Told(Protocol):
    """Who is told."""

    async def tell(self, batch: Batch) -> None:
        """Returns when it was learnt; repeatable. Unavailable without an answer, Refusal when it is refused."""
        ...


class TellAdditions:
    """The background job."""

    def __init__(self, additions: Additions, told: Told, clock: Clock, every: timedelta) -> None:
        self._additions = additions
        self._told = told
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        """Tell, again and again, until cancelled."""
        while True:
            raise_if_cancelled()
            try:
                if await self.tell_one():
                    continue
            except (Unavailable, PyMongoError, OSError) as error:
                _log.warning("additions.waiting", kind=type(error).__name__)
            await asyncio.sleep(self._every.total_seconds())

    async def tell_one(self) -> bool:
        """Tell of one record, if there is one; whether there was. Raises Unavailable, after putting it back, without an answer."""
        batch = await self._additions.take(self._clock.now(), again_after=TAKEN_FOR)
        if batch is None:
            return False
        try:
            await self._told.tell(batch)
        except Unavailable:
            pause = min(_SHORTEST_PAUSE * 2 ** min(batch.attempts - 1, 10), _LONGEST_PAUSE)
            await self._additions.put_back(batch, self._clock.now() + pause)
            raise
        except NotFound:
            _log.info("additions.record_gone", record=batch.record)  # destroyed meanwhile: there is nobody to tell
        except Refusal as refusal:
            _log.error("additions.refused", record=batch.record, reason=refusal.reason, attempts=batch.attempts)
            await self._additions.put_back(batch, self._clock.now() + _REFUSED_PAUSE)
            return True
        await self._additions.done(batch.request_id)
        return True
