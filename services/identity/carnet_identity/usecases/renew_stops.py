"""Keeps consent from forgetting a stopped certificate or program. Runs as long as the process lives.

No token names a service that passes tokens on, or its certificate, so no login is refused for it: consent itself must know as long as the
stop lasts. It is told again long before it would forget; when identity is down for longer, there are no new tokens either. Whatever
else is stopped needs nothing: its sessions are refused here.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import structlog
from carnet_platform.clock import Clock
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import Unavailable
from pymongo.errors import PyMongoError

from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.usecases.ports import Due, Stops

_OF_PROGRAMS = ("certificates/", "callers/")
_log = structlog.get_logger(__name__)


class RenewStops:
    """The background job."""

    def __init__(self, stops: Stops, due: Due, clock: Clock, every: timedelta, *, kept: timedelta) -> None:
        """`kept` is how far ahead consent is told to remember."""
        self._stops = stops
        self._due = due
        self._clock = clock
        self._every = every
        self._kept = kept

    async def run(self) -> None:
        """Renews again and again."""
        while True:
            try:
                await self.once()
            except (PyMongoError, Unavailable, EnvelopeError) as error:
                _log.warning("stops.waiting", kind=type(error).__name__)
            await asyncio.sleep(self._every.total_seconds())

    async def once(self) -> int:
        """Notes every stopped certificate and program as to be told; gives how many."""
        until = self._clock.now() + self._kept
        targets = sorted({stop.target for stop in await self._stops.standing() if stop.target.startswith(_OF_PROGRAMS)})
        await self._due.add([Withdrawal(subject=one, request_id=str(uuid.uuid4()), expire_time=until) for one in targets])
        return len(targets)
