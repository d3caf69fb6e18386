"""Tells consent what is due until it has learnt all of it: in order, again and again, and one that it refuses holds up none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

from carnet_platform.errors import Refusal, Unavailable
from pymongo.errors import PyMongoError

T = TypeVar("T")


class Waiting(Protocol[T]):
    """Where things wait to be told."""

    async def some(self, limit: int = 100) -> Sequence[T]:
        """Some that are due."""
        ...

    async def done(self, one: T, /) -> None:
        """Consent has it."""
        ...

    async def put_back(self, one: T, /) -> None:
        """Consent refused it: it stays due, behind the others."""
        ...


async def tell_what_is_due(waiting: Waiting[T], tell: Callable[[T], Awaitable[None]], refused: Callable[[T, Refusal], None]) -> int:
    """How much consent learnt. One that does not answer leaves the rest for the next look; what it refuses is told to `refused`."""
    told = 0
    for one in await waiting.some():
        try:
            await tell(one)
        except Unavailable:
            return told
        except Refusal as refusal:
            refused(one, refusal)
            await waiting.put_back(one)
            continue
        await waiting.done(one)
        told += 1
    return told


async def again_and_again(look: Callable[[], Awaitable[object]], every: timedelta, waits: Callable[[PyMongoError], None]) -> None:
    """Look as long as the process lives; a store that does not answer is told to `waits`."""
    while True:
        try:
            await look()
        except PyMongoError as error:
            waits(error)
        await asyncio.sleep(every.total_seconds())
