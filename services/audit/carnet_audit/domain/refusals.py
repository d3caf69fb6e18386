"""How many lines refusals make: the first of a caller, record and reason in a minute by itself, the rest counted into one.

So a hundred thousand refused calls add at most two lines a minute (docs/architecture.md, promise 1), and none is lost from the count.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

WINDOW = timedelta(minutes=1)
"""Within this, like refusals are counted."""

Event = TypeVar("Event")


@dataclass
class _Window(Generic[Event]):
    began: datetime
    last: Event
    counted: int = 0


class RefusalCounter(Generic[Event]):
    """Counts like refusals within a window, for each key."""

    def __init__(self) -> None:
        self._windows: dict[Hashable, _Window[Event]] = {}

    def is_first(self, key: Hashable, event: Event, now: datetime) -> bool:
        """Must this refusal be written by itself? Otherwise it was counted."""
        window = self._windows.get(key)
        if window is None:
            self._windows[key] = _Window(now, event)
            return True
        window.counted, window.last = window.counted + 1, event
        return False

    def take_ended(self, now: datetime) -> list[tuple[Event, int]]:
        """The last event and count of each window that has ended with something counted; they are forgotten here."""
        ended = [key for key, window in self._windows.items() if now - window.began >= WINDOW]
        windows = [self._windows.pop(key) for key in ended]
        return [(window.last, window.counted) for window in windows if window.counted]
