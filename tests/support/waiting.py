"""Waiting for a condition, with an end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from threading import Event

_INTERVAL_SECONDS = 0.02
PATIENCE = timedelta(seconds=20)


async def eventually(condition: Callable[[], bool], patience: timedelta = PATIENCE) -> None:
    """Return once `condition` holds. Raises TimeoutError after `patience`."""
    end = time.monotonic() + patience.total_seconds()
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"this did not come true within {patience.total_seconds():g} s: {condition.__qualname__}")
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), _INTERVAL_SECONDS)


async def eventually_answers(ask: Callable[[], Awaitable[bool]], patience: timedelta = PATIENCE) -> None:
    """`eventually` for a condition that has to be asked for."""
    async with asyncio.timeout(patience.total_seconds()):
        while not await ask():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(_INTERVAL_SECONDS)


async def pass_time(seconds: float) -> None:
    """Let time pass where its passing is what is tried: a permit that ends, a moment chosen for a fault."""
    await asyncio.sleep(seconds)


def wait_until(condition: Callable[[], bool], patience: timedelta = PATIENCE, story: Callable[[], str] = str) -> None:
    """`eventually` outside an event loop; the error tells `story()`."""
    end = time.monotonic() + patience.total_seconds()
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"this did not come true within {patience.total_seconds():g} s: {condition.__qualname__}\n{story()}")
        Event().wait(_INTERVAL_SECONDS)
