"""Refused accesses, written down so that a flood of them does not become a flood of lines (docs/architecture.md, promise 1).

The first of (caller's subject, record, kind, reason) in a minute is durable by itself before the caller hears of it; the rest of that
minute become one event with their count. A record that there is not stands in no event (``record`` empty), so made-up names neither fill
the log nor carry anything into it. What is counted and not yet written is lost when the process is killed, not when it is stopped.
"""

from collections.abc import Awaitable, Callable

from carnet.audit.v1 import event_pb2
from carnet_platform.calls import current_call
from carnet_platform.canonical import canonical_json
from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal
from carnet_platform.tally import Tally

from carnet_documents.usecases.events import event

ACCESS_REFUSED, DEPOSIT_REFUSED = "access.refused", "document.deposit_refused"

Append = Callable[[bytes], Awaitable[int]]
_Key = tuple[str, str, str, str]


class RefusedAccesses:
    """Writes refusals down."""

    def __init__(self, append: Append, clock: Clock) -> None:
        self._append = append
        self._clock = clock
        self._tally: Tally[_Key, event_pb2.Event] = Tally(self._write, clock)

    async def record(self, record: str, refusal: Refusal, *, rule: str = "", kind: str = ACCESS_REFUSED) -> None:
        """Write a refusal of the call in hand down; ``kind`` tells a refused access from a refused deposit.

        Raises ``Unavailable`` when it cannot be: then nothing is told.
        """
        call = current_call()
        key = (call.user.subject if call.user else call.caller.name, record, kind, refusal.reason)
        await self._tally.note(key, event(kind, self._clock.now(), record, decision="deny", reason=refusal.reason, rule=rule))

    async def run(self) -> None:
        """Write the counts of the minutes that end, as long as the process lives."""
        await self._tally.run()

    async def close(self) -> None:
        """Write all counts."""
        await self._tally.close()

    async def _write(self, told: event_pb2.Event, count: int) -> None:
        told.count = count
        await self._append(canonical_json(told))
