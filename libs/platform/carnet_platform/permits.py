"""The permit under which an answer is sent, checked in the outermost send (docs/architecture.md, promise 2).

A permit is short: it may be used until ``usable_for`` after the request for it was *sent*, on this process's boot-time clock. The
send interceptor checks it, with no await between the check and the hand-over to the transport, for the first message and for each
next one, and looks at the clock once more right after. What it does not know is what the permit allows: that is the handler's.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import timedelta

from carnet_platform.clock import Clock
from carnet_platform.errors import Aborted


class Permit:
    """An allowance to hand over messages until it ends, with what to do when it does.

    ``renew`` asks anew and gives the next permit, or ``None`` when the answer is now another. ``withdrawn`` records that what was
    announced was not, or not wholly, released. ``late`` records a hand-over that the clock shows to have come too late.
    """

    def __init__(
        self,
        clock: Clock,
        sent: float,
        usable_for: timedelta,
        *,
        renew: Callable[[], Awaitable["Permit | None"]],
        withdrawn: Callable[[], Awaitable[None]],
        late: Callable[[], Awaitable[None]],
        grace: timedelta = timedelta(milliseconds=100),
    ) -> None:
        self._clock = clock
        self._until = sent + usable_for.total_seconds()
        # A withdrawal is acknowledged only `grace` after the last permit it ends: only then is a hand-over late.
        self._late_from = self._until + grace.total_seconds()
        self.renew = renew
        self.withdrawn = withdrawn
        self.late = late

    def is_usable(self) -> bool:
        """Whether a message may be handed over now."""
        return self._clock.boottime() < self._until

    def is_late(self) -> bool:
        """Whether a message handed over just before came after a withdrawal could have been acknowledged."""
        return self._clock.boottime() >= self._late_from


class Release:
    """The permit of the call in hand, replaced as it is renewed. One a call, made by the send interceptor."""

    __slots__ = ("permit",)

    def __init__(self) -> None:
        self.permit: Permit | None = None

    async def ready(self) -> None:
        """Return when the permit in hand is usable, asking anew as often as needed.

        Raises ``Aborted`` PERMIT_WITHDRAWN after recording it when the answer has become another.
        """
        while self.permit is not None and not self.permit.is_usable():
            renewed = await self.permit.renew()
            if renewed is None:
                await self.permit.withdrawn()
                raise Aborted("PERMIT_WITHDRAWN", "the permission under which this was being sent was withdrawn")
            self.permit = renewed


release: ContextVar[Release] = ContextVar("carnet_release")


def release_under(permit: Permit) -> None:
    """Have every further message of the call in hand sent under ``permit``."""
    release.get().permit = permit
