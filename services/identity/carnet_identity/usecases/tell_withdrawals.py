"""Tells consent of the withdrawals that are due, until it has them. Runs as long as the process lives."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal, Unavailable
from pymongo.errors import PyMongoError

from carnet_identity.usecases.ports import Due, Fence

_log = structlog.get_logger(__name__)


class TellWithdrawals:
    """The background job."""

    def __init__(self, due: Due, fence: Fence, clock: Clock, every: timedelta) -> None:
        self._due = due
        self._fence = fence
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        """Looks again and again."""
        while True:
            try:
                await self.once()
            except PyMongoError as error:
                _log.warning("withdrawals.waiting", kind=type(error).__name__)
            await asyncio.sleep(self._every.total_seconds())

    async def once(self) -> int:
        """Tells what is due; gives how many consent took.

        A consent that does not answer leaves the rest for the next look. One that consent refuses stays due, behind the others.
        """
        await self._due.forget_expired(self._clock.now())
        told = 0
        for withdrawal in await self._due.some():
            try:
                await self._fence.register(withdrawal)
            except Unavailable:
                return told
            except Refusal as refusal:
                _log.error("withdrawal.refused", subject=withdrawal.subject, reason=refusal.reason)
                await self._due.put_back(withdrawal)
                continue
            await self._due.done(withdrawal)
            told += 1
        return told
