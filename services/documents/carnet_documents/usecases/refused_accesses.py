"""Refused accesses, written down so that a flood of them does not become a flood of lines (architecture.md, promise 1).

The first of (caller's subject, record, reason) in a minute is durable by itself before the caller hears of it; the rest of that
minute become one event with their count. what is counted and not yet written is lost when the process is killed, not when it is stopped.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from carnet.audit.v1 import event_pb2
from carnet_platform.calls import current_call
from carnet_platform.canonical import canonical_json
from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal, Unavailable

from carnet_documents.usecases.events import event

WINDOW = timedelta(minutes=1)
_FLUSH = timedelta(seconds=5)
_MOST = 10_000

Append = Callable[[bytes], Awaitable[int]]


@dataclass(slots=True)
class _Window:
    """One caller, record and reason within a minute."""

    ends: float
    more: int = 0
    last: event_pb2.Event | None = None
    """The last of them: it stands for all, with their count."""


class RefusedAccesses:
    """Writes refusals down."""

    def __init__(self, append: Append, clock: Clock) -> None:
        self._append = append
        self._clock = clock
        self._windows: OrderedDict[tuple[str, str, str], _Window] = OrderedDict()

    async def record(self, record: str, refusal: Refusal, *, rule: str = "") -> None:
        """Write a refusal of the call in hand down. Raises ``Unavailable`` when it cannot be: then nothing is told."""
        user = current_call().user
        key = (user.subject if user else current_call().caller.name, record, refusal.reason)
        window = self._windows.get(key)
        told = event("access.refused", self._clock.now(), record, decision="deny", reason=refusal.reason, rule=rule)
        if window is not None and self._clock.boottime() < window.ends:
            window.more += 1
            window.last = told
            return
        if window is not None:
            await self._close(key)
        if len(self._windows) >= _MOST:
            await self._close(next(iter(self._windows)))
        self._windows[key] = _Window(self._clock.boottime() + WINDOW.total_seconds())
        try:
            await self._append(canonical_json(told))
        except BaseException:
            # Not written: the next one of its kind is the first again.
            self._windows.pop(key, None)
            raise

    async def flush(self, *, is_stopping: bool = False) -> None:
        """Write the counts of the minutes that are over, or of all."""
        now = self._clock.boottime()
        for key in [key for key, window in self._windows.items() if is_stopping or window.ends <= now]:
            await self._close(key)

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await asyncio.sleep(_FLUSH.total_seconds())
            with contextlib.suppress(Unavailable):
                await self.flush()

    async def _close(self, key: tuple[str, str, str]) -> None:
        window = self._windows.get(key)
        if window is not None and window.more and window.last is not None:
            window.last.count = window.more
            await self._append(canonical_json(window.last))
        # Only now: a count that could not be written is tried again.
        self._windows.pop(key, None)
