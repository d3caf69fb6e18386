"""5. The deadline floor: a call with too little time left is refused at once, and one that runs out hears it from us.

A margin is kept from the caller's deadline, so that the deepest failure is told before the caller stops listening.
"""

from datetime import timedelta

from carnet_platform.clock import Clock
from carnet_platform.errors import DeadlineTooShort
from carnet_platform.interceptors.inbound import Inbound


class Deadline:
    """Gives each call a deadline, its own or the default one."""

    def __init__(self, clock: Clock, *, default: timedelta, floor: timedelta, margin: timedelta) -> None:
        self._clock = clock
        self._default = default.total_seconds()
        self._floor = floor.total_seconds()
        self._margin = margin.total_seconds()

    async def enter(self, inbound: Inbound) -> None:
        """Refuse what cannot be done in time."""
        given: float | None = inbound.context.time_remaining()
        remaining = self._default if given is None else min(given, self._default)
        if remaining < self._floor:
            raise DeadlineTooShort("DEADLINE_TOO_SHORT", f"less than {self._floor:g} s were left")
        inbound.timeout = remaining - self._margin
        inbound.deadline = self._clock.boottime() + inbound.timeout

    def leave(self, inbound: Inbound) -> None:
        """Nothing to do."""
