"""The gap watch: tells within a minute that something which must be in the log is not (docs/architecture.md, promise 6).

Looks for a stream silent for half a minute without closing, a revision missing for a minute while later ones wait, and holes in
what is stored. An alarm is a log line at level error and a metric; it names streams and services, never a person or a record.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog
from carnet_platform.clock import Clock
from pymongo.errors import PyMongoError

from carnet_audit.storage.gaps import GapStore

_log = structlog.get_logger(__name__)


class GapWatch:
    """Looks every few seconds."""

    def __init__(
        self, gaps: GapStore, clock: Clock, alarm: Callable[..., None], *, silence: timedelta, missing: timedelta, every: timedelta
    ) -> None:
        self._gaps, self._clock, self._alarm = gaps, clock, alarm
        self._silence, self._missing, self._every = silence, missing, every

    async def run(self) -> None:
        """Look for ever; a store that fails is tried again."""
        while True:
            try:
                await self.look()
            except PyMongoError as error:
                _log.warning("watch.store_failed", kind=type(error).__name__)
            await asyncio.sleep(self._every.total_seconds())

    async def look(self) -> None:
        """Look once."""
        now = self._clock.now()
        for stream, service in await self._gaps.take_silent(now - self._silence):
            self._alarm("stream_silent", stream=stream, producer=service)
        for service, count in (await self._gaps.waiting_services(now - self._missing)).items():
            self._alarm("revision_missing", producer=service, waiting=count)
        for place in await self._gaps.holes():
            self._alarm("hole", place=place)
