"""Tells consent of the withdrawals that are due, until it has them. Runs as long as the process lives."""

from __future__ import annotations

from datetime import timedelta

import structlog
from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal

from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.usecases.ports import Due, Fence
from carnet_identity.usecases.telling import again_and_again, tell_what_is_due

_log = structlog.get_logger(__name__)


class TellWithdrawals:
    """The background job."""

    def __init__(self, due: Due, fence: Fence, clock: Clock, every: timedelta) -> None:
        self._due = due
        self._fence = fence
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        """Looks again and again."""
        await again_and_again(self.once, self._every, lambda error: _log.warning("withdrawals.waiting", kind=type(error).__name__))

    async def once(self) -> int:
        """Tells what is due; gives how many consent took."""
        await self._due.forget_expired(self._clock.now())
        return await tell_what_is_due(self._due, self._fence.register, _refused)


def _refused(withdrawal: Withdrawal, refusal: Refusal) -> None:
    _log.error("withdrawal.refused", subject=withdrawal.subject, reason=refusal.reason)
