"""Records refused changes in the history of the record they were asked for.

The first of a person, record and reason in a minute stands by itself, the rest are counted in one event (docs/architecture.md, promise 1).
What is wrong with the request itself, or asks for a record that is not there, stands in nobody's history. A refusal stays a refusal when it
cannot be recorded: it is counted, and tried again.
"""

from dataclasses import dataclass

from carnet_platform.clock import Clock
from carnet_platform.journal import Journal
from carnet_platform.tally import Tally

from carnet_consent.usecases.acting import Acting
from carnet_consent.usecases.events import event, payload

NOBODYS = frozenset({"INVALID_FIELD", "NOT_FOUND", "EVIDENCE_REQUIRED", "SWITCH_DEPENDENCY", "IDENTITY_NOT_QUALIFIED"})
"""Reasons that are about the request, or about no record."""


@dataclass(frozen=True, slots=True)
class _Refused:
    acting: Acting
    record: str
    reason: str


class RecordRefusals:
    """Counts what is refused."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._tally: Tally[tuple[str, str, str], _Refused] = Tally(self._append, clock)

    async def __call__(self, acting: Acting, record: str, reason: str) -> None:
        """Record that a change of a record was refused."""
        if not record or reason in NOBODYS:
            return
        await self._tally.note_or_keep((acting.asker.subject, record, reason), _Refused(acting, record, reason))

    async def run(self) -> None:
        """Record the counts of the minutes that end, as long as the process lives."""
        await self._tally.run()

    async def close(self) -> None:
        """Record all counts."""
        await self._tally.close()

    async def _append(self, refused: _Refused, count: int) -> None:
        made = event("access.refused", refused.record, refused.acting, self._clock.now())
        made.decision, made.reason, made.count = "deny", refused.reason, count
        await self._journal.append(payload(made))
