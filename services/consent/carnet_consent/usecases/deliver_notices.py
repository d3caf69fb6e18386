"""Has the letters of the notices written, each once. Runs as long as the process lives, in every process.

1. A letter that is due is taken; nobody else gets it while it may still be on its way.
2. Identity queues it under the identifier of the notice, so that a process which dies before 3 costs nobody a second letter.
3. Queued, or nobody has an address: noted. No answer: due again after a growing pause, until its time is over. Refused: the same, until
   its attempts are over. Then it is a dead letter, with an alarm.

The change that somebody is told of never waits for any of this.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog
from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal, Unavailable
from carnet_platform.mongo import raise_if_cancelled
from pymongo.errors import PyMongoError

from carnet_consent.domain.letter_queue import Delivery, QueuedNotice
from carnet_consent.storage.notices import Notices

_SHORTEST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(seconds=30)
"""Half of the minute within which a person is told (trial C7): so long after identity is back at the latest."""
_LOOKED_AT_EVERY = timedelta(seconds=30)
_log = structlog.get_logger(__name__)


class Letters(Protocol):
    """Who writes letters."""

    async def write(self, queued: QueuedNotice) -> Delivery:
        """Hand one over; Unavailable without an answer, Refusal when it is refused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often, how long and how many at once."""

    every: timedelta
    """Between two looks when nobody wakes the job."""
    taken_for: timedelta
    """Longer than a delivery may take."""
    attempts: int
    """How often a letter that is refused is tried."""
    tried_for: timedelta
    """How long a letter is tried when nobody answers."""
    late_after: timedelta
    """When a letter that waits is an alarm."""
    at_once: int


@dataclass(slots=True, kw_only=True)
class DeliverNotices:
    """The background job."""

    notices: Notices
    letters: Letters
    clock: Clock
    patience: Patience
    woken: asyncio.Event
    """Set when something may be due."""
    _is_late: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Deliver, and watch the queue, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again_and_again(self._look_after_queue))
            for _ in range(self.patience.at_once):
                group.create_task(self._again_and_again(self._deliver_or_rest))

    async def deliver_one(self) -> bool:
        """Deliver one letter, if one is due; whether there was one. Raises Unavailable, after putting it back, without an answer."""
        queued = await self.notices.take(self.clock.now(), again_after=self.patience.taken_for)
        if queued is None:
            return False
        try:
            delivery = await self.letters.write(queued)
        except Unavailable:
            await self._put_back(queued, is_over=self.clock.now() - queued.tried_from >= self.patience.tried_for)
            raise
        except Refusal as refusal:
            _log.warning("notice.refused", notice=queued.id, reason=refusal.reason)
            await self._put_back(queued, is_over=queued.attempts >= self.patience.attempts)
        else:
            await self.notices.settle(queued.id, delivery)
        return True

    async def look(self) -> None:
        """Raise the alarm when a letter waits too long; once, until none does."""
        is_late = await self.notices.waits_since(self.clock.now() - self.patience.late_after)
        if is_late and not self._is_late:
            _log.error("notices.late", minutes=int(self.patience.late_after.total_seconds()) // 60)
        self._is_late = is_late

    async def _put_back(self, queued: QueuedNotice, *, is_over: bool) -> None:
        if is_over:
            await self.notices.settle(queued.id, Delivery.GIVEN_UP)
            _log.error("notice.not_delivered", notice=queued.id, attempts=queued.attempts)
        else:
            pause = min(_SHORTEST_PAUSE * 2 ** min(queued.attempts - 1, 10), _LONGEST_PAUSE)
            await self.notices.put_back(queued, self.clock.now() + pause)

    async def _look_after_queue(self) -> None:
        await self.look()
        await asyncio.sleep(_LOOKED_AT_EVERY.total_seconds())

    async def _deliver_or_rest(self) -> None:
        if await self.deliver_one():
            return
        try:
            async with asyncio.timeout(self.patience.every.total_seconds()):
                await self.woken.wait()
        except TimeoutError:
            return
        self.woken.clear()

    async def _again_and_again(self, once: Callable[[], Awaitable[None]]) -> None:
        while True:
            raise_if_cancelled()
            try:
                await once()
            except (Refusal, PyMongoError, OSError) as error:
                _log.warning("notices.waiting", kind=type(error).__name__)
                await asyncio.sleep(_SHORTEST_PAUSE.total_seconds())
