"""Meters those who look for persons: by professional and by structure, in a minute and in a day (trial S4).

1. Each question is counted before it is answered, whatever the answer; in an emergency apart from the others.
2. Who passes a rate is alarmed: an event, the first of a minute by itself and the rest counted, and a log line once in a window.
3. Outside an emergency the question is refused, with when to ask again. In an emergency it never is (rules.md 10).

Whether somebody is registered is not looked at until a question has passed: a refusal takes the same time whoever was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from carnet_platform.calls import Call, User, current_call, current_user
from carnet_platform.clock import Clock
from carnet_platform.errors import ResourceExhausted
from carnet_platform.tally import Tally
from carnet_recording.emergencies import EMERGENCIES

from carnet_identity.domain.rate import Counted, Rates, Window
from carnet_identity.usecases.events import PATIENT_RATE_PASSED, event
from carnet_identity.usecases.ports import EventRecord, RateCounter

LOOKUP: Final = "LOOKUP"
SEARCH: Final = "SEARCH"
_MOST_TOLD: Final = 10_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Passed:
    call: Call
    counted: Counted
    is_refused: bool


class Meter:
    """The use case."""

    def __init__(self, counts: RateCounter, rates: Mapping[str, Rates], journal: EventRecord, clock: Clock) -> None:
        """Take the rates of `LOOKUP` and `SEARCH`."""
        self._counts, self._rates, self._journal, self._clock = counts, rates, journal, clock
        self._tally: Tally[tuple[str, str], _Passed] = Tally(self._append, clock)
        self._told: set[Counted] = set()

    async def take(self, what: str) -> None:
        """Counts a question of the call in hand.

        Raises:
            ResourceExhausted: RATE_LIMITED, with when the window ends; never in an emergency.
        """
        user, now = current_user(), self._clock.now()
        is_emergency = user.purpose in EMERGENCIES
        limits = {
            Counted(f"{what}_EMERGENCY" if is_emergency else what, who, window, window.number(now)): most
            for who, window, most in _limits(user, self._rates[what])
        }
        numbers = await self._counts.add(tuple(limits))
        passed = [one for (one, most), number in zip(limits.items(), numbers, strict=True) if number > most]
        for one in passed:
            await self._tell(one, is_refused=not is_emergency)
        if passed and not is_emergency:
            after = max(one.window.left(now) for one in passed)
            raise ResourceExhausted("RATE_LIMITED", "too many persons were looked for", retry_after=after)

    async def run(self) -> None:
        """Records the counts of the minutes that end, as long as the process lives."""
        await self._tally.run()

    async def close(self) -> None:
        """Records all counts."""
        await self._tally.close()

    async def _tell(self, one: Counted, *, is_refused: bool) -> None:
        if one not in self._told:
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told.add(one)
            _log.error("patient.rate_passed", rate=f"{one.what}_{one.window.name}", who=one.who)
        # What cannot be recorded now stays counted: a refusal stays one, and an emergency is not kept waiting for an alarm.
        await self._tally.note_or_keep((one.what, one.who), _Passed(current_call(), one, is_refused))

    async def _append(self, passed: _Passed, count: int) -> None:
        one = passed.counted
        payload = event(
            PATIENT_RATE_PASSED,
            passed.call,
            self._clock.now(),
            decision="deny" if passed.is_refused else "permit",
            reason="RATE_LIMITED",
            subject=one.who,
            change=f"{one.what}_{one.window.name}",
            count=count,
        )
        await self._journal.append(payload)


def _limits(user: User, rates: Rates) -> list[tuple[str, Window, int]]:
    limits = [(user.subject, Window.MINUTE, rates.professional_minute), (user.subject, Window.DAY, rates.professional_day)]
    if user.organisation:
        limits += [(user.organisation, Window.MINUTE, rates.structure_minute), (user.organisation, Window.DAY, rates.structure_day)]
    return limits
