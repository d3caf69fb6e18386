"""Looks for a person without her INS (rules.md 10).

1. A named professional asks, in a session that was not withdrawn, under a purpose of care; he is metered.
2. Enough is said for that purpose.
3. Whoever may fit is found by blind terms. More than 200 are too many: the answer is empty and says so.
4. They are opened and scored; at most 20 are shown, the living before the dead.
5. The search and everybody shown are recorded, each in an event about her, and the search is kept so that he can say who was meant.
   All of it is durable before anything is handed over.
6. Whoever was withdrawn meanwhile gets nothing.

Nobody found, and nobody who may be shown, are the same answer after the same steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import Denied
from carnet_platform.identifiers import new_id
from carnet_recording.emergencies import EMERGENCIES

from carnet_identity.domain.patient_search import MOST_SCORED, Candidate, KeptSearch, Said, Wanted, choose, parse_search
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import PATIENT_CANDIDATE_SHOWN, PATIENT_SEARCHED, event
from carnet_identity.usecases.meter import SEARCH, Meter
from carnet_identity.usecases.ports import EventRecord, PatientFinder, SearchMemory

_FOR_CARE = EMERGENCIES | {"TREATMENT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The answer of a search."""

    candidates: Sequence[Candidate]
    is_too_wide: bool
    search: KeptSearch


class SearchPatients:
    """The use case."""

    def __init__(
        self,
        finder: PatientFinder,
        searches: SearchMemory,
        acting: ActingUser,
        meter: Meter,
        journal: EventRecord,
        clock: Clock,
        *,
        kept_for: timedelta,
        deceased_found_for: timedelta,
    ) -> None:
        self._finder, self._searches, self._acting, self._meter = finder, searches, acting, meter
        self._journal, self._clock = journal, clock
        self._kept_for, self._deceased_found_for = kept_for, deceased_found_for

    async def __call__(self, said: Said) -> Shown:
        """Whoever fits.

        Raises:
            BrokenRule: INVALID_FIELD or SEARCH_TOO_WIDE.
            Denied: ROLE_NOT_ALLOWED or PURPOSE_NOT_ALLOWED.
            Unauthenticated: SESSION_WITHDRAWN, also when that happened meanwhile.
            ResourceExhausted: RATE_LIMITED, never in an emergency.
            Unavailable: EVENT_NOT_DURABLE.
        """
        user, _ = await asyncio.gather(self._acting.professional(), self._meter.take(SEARCH))  # 1
        if user.purpose not in _FOR_CARE:
            raise Denied("PURPOSE_NOT_ALLOWED", "persons are looked for to care for them")
        now = self._clock.now()
        wanted = parse_search(said, is_emergency=user.purpose in EMERGENCIES, today=now.date())  # 2
        found = await self._finder.find(wanted.terms, is_broken_left_out=wanted.is_emergency)  # 3
        is_too_wide = len(found) > MOST_SCORED
        candidates = [] if is_too_wide else choose(wanted, found, now=now, deceased_found_for=self._deceased_found_for)  # 4
        search = KeptSearch(
            id=new_id(),
            professional=user.subject,
            patients=tuple(one.patient.id for one in candidates),
            expire_time=now + self._kept_for,
        )
        shown = Shown(candidates=candidates, is_too_wide=is_too_wide, search=search)
        events = self._events(wanted, shown, now)
        await asyncio.gather(self._searches.keep(search), *(self._journal.append(payload) for payload in events))  # 5
        await self._acting.professional()  # 6
        return shown

    def _events(self, wanted: Wanted, shown: Shown, now: datetime) -> list[bytes]:
        call = current_call()
        reason = "" if shown.candidates else "SEARCH_TOO_WIDE" if shown.is_too_wide else "NOT_FOUND"
        searched = event(
            PATIENT_SEARCHED,
            call,
            now,
            decision="deny" if reason else "permit",
            reason=reason,
            subject=shown.search.name,
            change=" ".join(wanted.terms.said),
            count=len(shown.candidates),
        )
        names = (one.patient.name for one in shown.candidates)
        return [searched, *(event(PATIENT_CANDIDATE_SHOWN, call, now, decision="permit", subject=name) for name in names)]
