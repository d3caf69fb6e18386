"""A program that is kept running: started, noticed when it ends, started again after a pause that grows while it keeps ending."""

import time
from collections.abc import Callable
from datetime import timedelta

from carnet_dev.child import Child

FIRST_PAUSE = timedelta(milliseconds=500)
LONGEST_PAUSE = timedelta(seconds=30)
STEADY_AFTER = timedelta(seconds=60)
"""Having run this long, a program's next end counts as its first."""


class Watched:
    """One program; `start` starts it and returns its process."""

    def __init__(self, name: str, start: Callable[[], Child], clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.ends = 0
        """How often in a row it ended."""
        self.child: Child | None = None
        self._start = start
        self._clock = clock
        self._started = 0.0
        self._start_again: float | None = None

    def start(self) -> None:
        """Start it, again or for the first time."""
        self._start_again = None
        self.child = self._start()
        self._started = self._clock()

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs or before its start."""
        return None if self.child is None else self.child.exit_code

    def note_end(self) -> timedelta | None:
        """The pause until it is started again, told once an end; None while it runs or the pause lasts."""
        if self.child is None or self.child.is_running or self._start_again is not None:
            return None
        if self._clock() - self._started > STEADY_AFTER.total_seconds():
            self.ends = 0
        pause = min(FIRST_PAUSE * float(2**self.ends), LONGEST_PAUSE)
        self.ends += 1
        self._start_again = self._clock() + pause.total_seconds()
        return pause

    def is_due(self) -> bool:
        """Whether its pause is over."""
        return self._start_again is not None and self._clock() >= self._start_again

    def terminate(self) -> int:
        """End it and return its exit code, 0 when it never ran."""
        return 0 if self.child is None else self.child.terminate()
