"""Registers what other services withdraw, so that one decision covers every withdrawal. Returns after the majority commit."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_platform.clock import Clock
from carnet_platform.errors import InvalidArgument, Unavailable
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, Session, in_transaction

from carnet_consent.storage.fences import Fences

LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Withdraw:
    """The verb RegisterWithdrawal."""

    client: Client
    fences: Fences
    requests: Requests
    clock: Clock
    timeout: timedelta

    async def __call__(self, asked: Asked, subject: str, expire_time: datetime) -> int:
        """Register a withdrawal and return its number; a repeated request returns the first one."""
        if expire_time > self.clock.now() + LONGEST:
            raise InvalidArgument("INVALID_FIELD", "must be within a year", field="expire_time")

        async def register(session: Session) -> bytes:
            return (await self.fences.register(session, subject, expire_time)).to_bytes(8, "big")

        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                position = await in_transaction(self.client, lambda session: self.requests.once(session, asked, register))
        except TimeoutError:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the store does not answer", retry_after=timedelta(seconds=1)) from None
        return int.from_bytes(position, "big")
