"""The one place that tells the time.

Decides which clock a process runs on. Promises aware UTC instants and a boot-time reading that goes on while the machine is
suspended and that nobody can move. Refuses a movable clock in production: a movable clock would let the one who moves it
lengthen a right or shorten a retention.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What every part of the system that needs the time is given."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC; movable in tests."""
        ...

    def boottime(self) -> float:
        """Return seconds since the machine started (CLOCK_BOOTTIME); never movable, for durations such as a permit's."""
        ...


class ClockSettings(Protocol):
    """What `open_clock` needs to know of a process's settings."""

    @property
    def environment(self) -> str:
        """`development`, `test` or `production`."""
        ...

    @property
    def clock_offset_file(self) -> Path | None:
        """File with the seconds the clock is moved by, or None."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    def boottime(self) -> float:
        """Return seconds since the machine started, suspended time included."""
        # Not time.monotonic(): that stands still while the machine is suspended, and a permit would outlive its time.
        return time.clock_gettime(time.CLOCK_BOOTTIME)


class MovableClock(SystemClock):
    """The machine's clock plus the seconds written in a file, so that a test moves all processes at once."""

    def __init__(self, offset_file: Path) -> None:
        self._offset_file = offset_file

    def now(self) -> datetime:
        """Return the moved instant. A missing or empty file moves nothing; one that holds no number raises ValueError."""
        return super().now() + timedelta(seconds=self._offset())

    def _offset(self) -> float:
        try:
            return float(self._offset_file.read_text() or 0)
        except FileNotFoundError:
            return 0.0


def open_clock(settings: ClockSettings) -> Clock:
    """Return the clock of a process; raises ValueError when a movable one is asked for in production."""
    if settings.clock_offset_file is None:
        return SystemClock()
    if settings.environment == "production":
        raise ValueError("clock_offset_file: a movable clock is refused in production")
    return MovableClock(settings.clock_offset_file)
