"""The events this service makes itself: reading the log is itself in the log.

Kinds: history.read, history.exported, access.refused, release.withdrawn, release.late. Every one is durable in this process's journal
before what it tells of is handed over. Refused calls are beside, in `carnet_recording`: no release waits for them.
"""

from carnet.audit.v1.event_pb2 import Event
from carnet_platform.calls import current_call
from carnet_platform.canonical import canonical_json
from carnet_platform.clock import Clock
from carnet_platform.journal import Journal
from carnet_platform.tally import Tally
from carnet_recording.events import event_of


class OwnEvents:
    """Writes them, for the user of the call in hand."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._refusals: Tally[tuple[str, str, str], Event] = Tally(self._write_counted, clock)

    def make(self, kind: str, record: str, *, decision: str, rule: str = "", reason: str = "") -> Event:
        """An event of the call in hand, now."""
        return event_of(current_call(), kind, self._clock.now(), record=record, decision=decision, reason=reason, rule=rule)

    async def write(self, event: Event) -> None:
        """Make it durable. Raises Unavailable EVENT_NOT_DURABLE."""
        await self._journal.append(canonical_json(event))

    async def write_refusal(self, event: Event) -> None:
        """Make a refusal durable: at once when it is the first of its kind within a minute, else with the count of the minute.

        Raises Unavailable when the first cannot be made durable.
        """
        await self._refusals.note((event.actor.subject, event.record, event.reason), event)

    async def run(self) -> None:
        """Write the counts of the minutes that end, as long as the process lives."""
        await self._refusals.run()

    async def close(self) -> None:
        """Write all counts."""
        await self._refusals.close()

    async def _write_counted(self, event: Event, count: int) -> None:
        event.count = count
        await self.write(event)
