"""Writes down what may come in floods without a flood of writes: the first of a key in a minute by itself, the rest counted.

Promises: `note` returns once what it was given is durable or counted, and raises when the first of its key could not be made durable:
then it was not counted, and the next one is the first again. Of several that come at once one is the first; the others wait for what
becomes of it. What was counted is written when the minute ends, when room is needed or at the end of the process; what cannot be
written then stays counted and is tried again. The number of windows is bounded: the oldest is written to make room.
Only what is counted when the process is killed is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import structlog

from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal

WINDOW = timedelta(minutes=1)
LOOK_EVERY = timedelta(seconds=5)
MOST_WINDOWS = 10_000

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Window(Generic[Item]):
    """One key within a minute; the first is written, or on its way."""

    ends: float
    last: Item
    """It stands for all that are counted."""
    counted: int = 0
    writing: "asyncio.Task[None] | None" = None
    """The one write under way, of the first or of the rest."""


class Tally(Generic[Key, Item]):
    """Counts like things within a minute, for each key. Used inside one event loop."""

    def __init__(
        self,
        write: Callable[[Item, int], Awaitable[object]],
        clock: Clock,
        *,
        window: timedelta = WINDOW,
        look_every: timedelta = LOOK_EVERY,
        most: int = MOST_WINDOWS,
    ) -> None:
        """Make one that writes with `write`, which returns once it is durable and raises a `Refusal` when it cannot be.

        It is given 0 with what stands for itself, and how many it stands for with the last of the rest.
        """
        self._write, self._clock = write, clock
        self._lasts, self._look_every, self._most = window.total_seconds(), look_every.total_seconds(), most
        self._windows: dict[Key, _Window[Item]] = {}

    def __contains__(self, key: Key) -> bool:
        """Whether the first of `key` is written or on its way, so that another would only be counted."""
        return key in self._windows

    async def note(self, key: Key, item: Item) -> None:
        """Write `item` when it is the first of `key` in a minute, else count it. Raises what `write` raises."""
        while True:
            window = self._windows.get(key)
            if window is None and len(self._windows) >= self._most:
                await self._make_room()
            elif window is None:
                window = self._windows[key] = _Window(self._clock.boottime() + self._lasts, item)
                await self._under_way(window, self._write_first(key, window, item))
                return
            elif window.writing is not None:
                await asyncio.shield(window.writing)
            elif self._clock.boottime() < window.ends:
                window.counted, window.last = window.counted + 1, item
                return
            else:
                await self._end(key, window)

    def keep(self, key: Key, item: Item) -> None:
        """Count `item` and wait for nothing: for what was told though it could not be written, or must not wait.

        It is written with the rest of its minute. When there is no room it is lost, and that is said.
        """
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= self._most:
                _log.warning("tally.lost", count=1)
                return
            window = self._windows[key] = _Window(self._clock.boottime() + self._lasts, item)
        window.counted, window.last = window.counted + 1, item

    async def note_or_keep(self, key: Key, item: Item) -> None:
        """As `note`, for what was told already: what cannot be written stays counted and is tried again, and nothing is raised."""
        try:
            await self.note(key, item)
        except Refusal as refusal:
            _log.warning("tally.unwritten", reason=refusal.reason, windows=len(self._windows))
            self.keep(key, item)

    async def flush(self) -> None:
        """Write the rest of the minutes that are over. Raises at the first that cannot be written; those left are tried next time."""
        now = self._clock.boottime()
        for key, window in [item for item in self._windows.items() if item[1].ends <= now]:
            if self._windows.get(key) is window:
                await self._end(key, window)

    async def run(self) -> None:
        """Flush for as long as the process lives."""
        while True:
            await asyncio.sleep(self._look_every)
            try:
                await self.flush()
            except Refusal as refusal:
                _log.warning("tally.unwritten", reason=refusal.reason, windows=len(self._windows))

    async def close(self) -> None:
        """Write all that is counted. Says what cannot be written, and raises nothing: a process that stops goes on stopping."""
        try:
            while self._windows:
                await self._end(*next(iter(self._windows.items())))
        except Refusal as refusal:
            _log.error("tally.lost", reason=refusal.reason, count=sum(window.counted for window in self._windows.values()))

    async def _make_room(self) -> None:
        """Have one window less. Windows last equally long, so the first in the dictionary ends first."""
        for key, window in self._windows.items():
            if window.writing is None:
                await self._end(key, window)
                return
        await asyncio.wait([window.writing for window in self._windows.values() if window.writing], return_when=asyncio.FIRST_COMPLETED)

    async def _end(self, key: Key, window: _Window[Item]) -> None:
        """Write the rest of a window and forget it; wait for the write that is under way instead, if one is."""
        if window.writing is not None:
            await asyncio.shield(window.writing)
        elif window.counted:
            await self._under_way(window, self._write_rest(key, window))
        else:
            del self._windows[key]

    async def _under_way(self, window: _Window[Item], write: Coroutine[Any, Any, None]) -> None:
        # A task of its own, shielded: one who goes away takes nothing from those who wait with him, and no count is half written.
        window.writing = task = asyncio.create_task(write)
        task.add_done_callback(_looked_at)
        await asyncio.shield(task)

    async def _write_first(self, key: Key, window: _Window[Item], item: Item) -> None:
        try:
            await self._write(item, 0)
        except BaseException:
            if not window.counted:
                del self._windows[key]
            raise
        finally:
            window.writing = None

    async def _write_rest(self, key: Key, window: _Window[Item]) -> None:
        count = window.counted
        try:
            await self._write(window.last, count)
            window.counted -= count
            if window.counted:
                # Kept meanwhile: they begin the next minute, so that a flood stays one write a minute.
                del self._windows[key]
                self._windows[key] = window
                window.ends = self._clock.boottime() + self._lasts
            else:
                del self._windows[key]
        finally:
            window.writing = None


def _looked_at(task: "asyncio.Task[None]") -> None:
    """So that a failure nobody waits for any more is not reported as lost: the next write tells it again."""
    if not task.cancelled():
        task.exception()
