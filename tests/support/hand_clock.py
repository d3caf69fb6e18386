"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
BOOTED = 1000.0


class HandClock:
    """Stands still until `seconds`, its boot time, is changed; the time of day moves with it."""

    def __init__(self) -> None:
        self.seconds = BOOTED

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds - BOOTED)

    def boottime(self) -> float:
        return self.seconds
