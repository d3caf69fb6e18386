"""The events this service makes itself: reading the log is itself in the log.

Kinds: history.read, history.exported, access.refused, release.withdrawn, release.late. Every one is durable in this process's journal
before what it tells of is handed over.
"""

import asyncio
from datetime import datetime, timedelta

import structlog
from carnet.audit.v1.event_pb2 import Actor, Event
from carnet_platform.calls import current_call, current_user
from carnet_platform.canonical import canonical_json
from carnet_platform.clock import Clock
from carnet_platform.errors import Unavailable
from carnet_platform.journal import Journal

from carnet_audit.domain.refusals import WINDOW, RefusalCounter

FLUSH_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class OwnEvents:
    """Writes them, for the user of the call in hand."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._refusals: RefusalCounter[Event] = RefusalCounter()
        self._unwritten: list[tuple[Event, int]] = []

    def make(self, kind: str, record: str, *, decision: str, rule: str = "", reason: str = "") -> Event:
        """An event of the call in hand, now."""
        call, user = current_call(), current_user()
        return Event(
            kind=kind,
            time=write_time(self._clock.now()),
            record=record,
            actor=Actor(subject=user.subject, role=user.role, structure=user.organisation, software=user.software),
            purpose=user.purpose,
            decision=decision,
            reason=reason,
            rule=rule,
            trace_id=call.trace_id,
            request_id=call.request_id,
        )

    async def write(self, event: Event) -> None:
        """Make it durable. Raises Unavailable EVENT_NOT_DURABLE."""
        await self._journal.append(canonical_json(event))

    async def write_refusal(self, event: Event) -> None:
        """Make a refusal durable: at once when it is the first of its kind within a minute, else with the count of the minute."""
        key = (event.actor.subject, event.record, event.reason)
        if self._refusals.is_first(key, event, self._clock.now()):
            await self.write(event)

    async def flush(self, *, is_stopping: bool = False) -> None:
        """Write the counts of the minutes that are over, or of all; what cannot be written now is told to the operators and tried again."""
        self._unwritten += self._refusals.take_ended(self._clock.now() + (WINDOW if is_stopping else timedelta(0)))
        while self._unwritten:
            event, count = self._unwritten[0]
            counted = Event()
            counted.CopyFrom(event)
            counted.count = count
            try:
                await self.write(counted)
            except Unavailable:
                _log.warning("refusals.unwritten", waiting=len(self._unwritten))
                return
            self._unwritten.pop(0)

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()


def write_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
