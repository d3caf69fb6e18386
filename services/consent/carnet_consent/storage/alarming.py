"""An alarm about one row is raised once an hour, however often the row is met: a watch looks every few seconds, for as long as it takes.

Each process counts for itself. It never keeps silent for want of room: where too many rows have alarmed within an hour, all alarm.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

EVERY: Final = timedelta(hours=1)
MOST: Final = 10_000
"""Rows remembered."""


class OncePerHour:
    """Tells whether an alarm is due."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._raised: dict[str, float] = {}

    def is_due(self, row: str) -> bool:
        """Whether nobody was told of this row within the last hour. Who asks raises the alarm if so."""
        now = self._seconds()
        raised = self._raised.get(row)
        if raised is not None and now < raised + EVERY.total_seconds():
            return False
        if raised is None and len(self._raised) >= MOST:
            self._raised = {one: at for one, at in self._raised.items() if now < at + EVERY.total_seconds()}
        if raised is not None or len(self._raised) < MOST:
            self._raised[row] = now
        return True
