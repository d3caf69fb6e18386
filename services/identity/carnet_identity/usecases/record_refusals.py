"""Records refused exchanges in the operators' stream: the first of a caller and reason in a minute by itself, the rest counted.

An exchange that is refused names nobody whose history it could stand in. A refusal stays a refusal when it cannot be recorded.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from carnet_platform.calls import Call
from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal

from carnet_identity.usecases.events import SESSION_REFUSED, event
from carnet_identity.usecases.ports import EventRecord

_WINDOW_SECONDS = 60.0
_LOOK_SECONDS = 5.0
_MOST_WINDOWS = 10_000

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Window:
    begun: float
    last: Call
    further: int = 0


class RefusalRecorder:
    """Counts what is refused."""

    def __init__(self, journal: EventRecord, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}

    async def record(self, call: Call, reason: str) -> None:
        """Records that `call` was refused."""
        window = self._windows.get((call.caller.name, reason))
        if window is not None:
            window.further, window.last = window.further + 1, call
            return
        if len(self._windows) < _MOST_WINDOWS:
            self._windows[call.caller.name, reason] = _Window(self._clock.boottime(), call)
        await self._append(call, reason, 1)

    async def run(self) -> None:
        """Records the counts of the windows that end, as long as the process lives."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.close(older_than=self._clock.boottime() - _WINDOW_SECONDS)

    async def close(self, *, older_than: float = float("inf")) -> None:
        """Records the counts of the windows begun before an instant of the boot-time clock, and forgets them."""
        for key, window in [item for item in self._windows.items() if item[1].begun < older_than]:
            del self._windows[key]
            if window.further:
                await self._append(window.last, key[1], window.further)

    async def _append(self, call: Call, reason: str, count: int) -> None:
        try:
            payload = event(SESSION_REFUSED, call, self._clock.now(), decision="deny", reason=reason, count=count if count > 1 else 0)
            await self._journal.append(payload)
        except Refusal as refusal:
            _log.warning("refusal.unrecorded", reason=refusal.reason)
