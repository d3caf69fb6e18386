"""Events that wait for the next commit, each with the future its writer waits on.

Bounded in number and bytes, in order of arrival; whoever gave up before its event was taken is left out.
"""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from carnet_platform.journal.batch import MAX_BYTES, MAX_EVENTS
from carnet_platform.telemetry.steps import Step, present

MAX_QUEUED_EVENTS: Final = 8 * MAX_EVENTS
MAX_QUEUED_BYTES: Final = 8 * MAX_BYTES


class Waiting(NamedTuple):
    """One event."""

    payload: bytes
    future: "asyncio.Future[int]"
    step: Step | None
    """The step of a sampled call that waits for it."""


class EventQueue:
    """First in, first out."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._is_filled = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether one more event would wait too long."""
        return len(self._waiting) >= MAX_QUEUED_EVENTS or self._bytes >= MAX_QUEUED_BYTES

    def put(self, payload: bytes) -> "asyncio.Future[int]":
        """Queue a payload; the future gives its number once it is durable."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(payload, future, present()))
        self._bytes += len(payload)
        self._is_filled.set()
        return future

    def wake(self) -> None:
        """End a `wait` though nothing came."""
        self._is_filled.set()

    async def wait(self) -> None:
        """Wait until something was put, or `wake` was called, since the last wait."""
        await self._is_filled.wait()
        self._is_filled.clear()

    def take(self) -> list[Waiting]:
        """Take what one batch may hold, in order; empty when nothing waits."""
        taken: list[Waiting] = []
        size = 0
        while self._waiting and len(taken) < MAX_EVENTS and size + len(self._waiting[0].payload) <= MAX_BYTES:
            waiting = self._waiting.popleft()
            self._bytes -= len(waiting.payload)
            if not waiting.future.done():
                taken.append(waiting)
                size += len(waiting.payload)
        return taken

    def drain(self) -> list[Waiting]:
        """Take everything, to refuse it."""
        drained = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return drained
