"""Waiting for a condition, with an end. Nothing else in the tests waits."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from inspect import CORO_SUSPENDED, getcoroutinestate
from threading import Event
from types import CoroutineType
from typing import Any, TypeVar, cast

_INTERVAL_SECONDS = 0.02
PATIENCE = timedelta(seconds=20)
T = TypeVar("T")


async def eventually(condition: Callable[[], bool], patience: timedelta = PATIENCE, interval: float = _INTERVAL_SECONDS) -> None:
    """Return once `condition` holds, looked at every `interval` seconds. Raises TimeoutError after `patience`."""

    async def ask() -> bool:
        return condition()

    await eventually_answers(ask, patience, interval)


async def eventually_answers(
    ask: Callable[[], Awaitable[bool]], patience: timedelta = PATIENCE, interval: float = _INTERVAL_SECONDS
) -> None:
    """`eventually` for a condition that has to be asked for."""
    end = time.monotonic() + patience.total_seconds()
    while not await ask():
        if time.monotonic() > end:
            raise TimeoutError(f"this did not come true within {patience.total_seconds():g} s: {ask.__qualname__}")
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), interval)


async def eventually_given(call: Callable[[], Awaitable[T]], passing: Callable[[Exception], bool], patience: timedelta = PATIENCE) -> T:
    """What `call` gives once it gives something; errors that are `passing` mean not yet, any other is raised."""
    given: list[T] = []

    async def ask() -> bool:
        try:
            given.append(await call())
        except Exception as error:
            if not passing(error):
                raise
            return False
        return True

    await eventually_answers(ask, patience)
    return given[0]


async def begun(*tasks: "asyncio.Task[Any]") -> None:
    """Return once each task has run until it waits for something, or is done."""
    await eventually(
        lambda: all(
            task.done() or getcoroutinestate(cast("CoroutineType[Any, Any, Any]", task.get_coro())) == CORO_SUSPENDED for task in tasks
        )
    )


async def elapsed(seconds: float) -> None:
    """Return once that much time has passed: where a permit has ended by then, or a fault is to come at a moment of its own."""
    end = time.monotonic() + seconds
    await eventually(lambda: time.monotonic() >= end, timedelta(seconds=seconds) + PATIENCE, min(_INTERVAL_SECONDS, seconds))


def wait_until(condition: Callable[[], bool], patience: timedelta = PATIENCE, story: Callable[[], str] = str) -> None:
    """`eventually` outside an event loop; the error tells `story()`."""
    end = time.monotonic() + patience.total_seconds()
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"this did not come true within {patience.total_seconds():g} s: {condition.__qualname__}\n{story()}")
        Event().wait(_INTERVAL_SECONDS)
