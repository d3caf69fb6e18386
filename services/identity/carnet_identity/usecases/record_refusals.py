"""Records refused exchanges and operations in the operators' stream: the first of a caller and reason in a minute, the rest counted.

An exchange that is refused names nobody whose history it could stand in. A refusal stays a refusal when it cannot be recorded: it is
counted, and tried again.
"""

from __future__ import annotations

from dataclasses import dataclass

from carnet_platform.calls import Call
from carnet_platform.clock import Clock
from carnet_platform.tally import Tally

from carnet_identity.usecases.events import SESSION_REFUSED, event
from carnet_identity.usecases.ports import EventRecord


@dataclass(frozen=True, slots=True)
class _Refused:
    call: Call
    reason: str


class RefusalRecorder:
    """Counts what is refused."""

    def __init__(self, journal: EventRecord, clock: Clock, kind: str = SESSION_REFUSED) -> None:
        self._journal = journal
        self._kind = kind
        self._clock = clock
        self._tally: Tally[tuple[str, str], _Refused] = Tally(self._append, clock)

    async def record(self, call: Call, reason: str) -> None:
        """Records that `call` was refused."""
        await self._tally.note_or_keep((call.caller.name, reason), _Refused(call, reason))

    async def run(self) -> None:
        """Records the counts of the minutes that end, as long as the process lives."""
        await self._tally.run()

    async def close(self) -> None:
        """Records all counts."""
        await self._tally.close()

    async def _append(self, refused: _Refused, count: int) -> None:
        payload = event(self._kind, refused.call, self._clock.now(), decision="deny", reason=refused.reason, count=count)
        await self._journal.append(payload)
