"""Records refused changes in the history of the record they were asked for.

The first of a person, record and reason in a minute stands by itself, the rest are counted in one event (docs/architecture.md, promise 1).
What is wrong with the request itself, or asks for a record that is not there, stands in nobody's history. A refusal stays a refusal when it
cannot be recorded.
"""

import asyncio
from dataclasses import dataclass

import structlog
from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal
from carnet_platform.journal import Journal

from carnet_consent.usecases.acting import Acting
from carnet_consent.usecases.events import event, payload

WINDOW_SECONDS, LOOK_SECONDS, MOST_WINDOWS = 60.0, 5.0, 10_000
NOBODYS = frozenset({"INVALID_FIELD", "NOT_FOUND", "EVIDENCE_REQUIRED", "SWITCH_DEPENDENCY", "IDENTITY_NOT_QUALIFIED"})
"""Reasons that are about the request, or about no record."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Window:
    begun: float
    last: Acting
    further: int = 0


class RecordRefusals:
    """Counts what is refused."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._windows: dict[tuple[str, str, str], _Window] = {}

    async def __call__(self, acting: Acting, record: str, reason: str) -> None:
        """Record that a change of a record was refused."""
        if not record or reason in NOBODYS:
            return
        key = (acting.asker.subject, record, reason)
        window = self._windows.get(key)
        if window is not None:
            window.further, window.last = window.further + 1, acting
            return
        if len(self._windows) < MOST_WINDOWS:
            self._windows[key] = _Window(self._clock.boottime(), acting)
        await self._append(acting, record, reason, 1)

    async def run(self) -> None:
        """Record the counts of the windows that end, as long as the process lives."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.close(older_than=self._clock.boottime() - WINDOW_SECONDS)

    async def close(self, *, older_than: float = float("inf")) -> None:
        """Record the counts of the windows begun before an instant of the boot-time clock, and forget them."""
        for key, window in [item for item in self._windows.items() if item[1].begun < older_than]:
            del self._windows[key]
            if window.further:
                await self._append(window.last, key[1], key[2], window.further)

    async def _append(self, acting: Acting, record: str, reason: str, count: int) -> None:
        made = event("access.refused", record, acting, self._clock.now())
        made.decision, made.reason, made.count = "deny", reason, count if count > 1 else 0
        try:
            await self._journal.append(payload(made))
        except Refusal as refusal:
            _log.warning("refusal.unrecorded", reason=refusal.reason)
