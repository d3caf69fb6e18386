"""Says which of the persons a search showed was meant, or that none was (rules.md 10).

1. The professional who searched says it, within a quarter of an hour; another's search is as good as none.
2. A retry with the same request_id gets the first answer.
3. That she was chosen, and of each other candidate that she was set aside, is durable before her INS is handed over.
4. Whoever was withdrawn meanwhile gets nothing, and the events stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.patient import Patient
from carnet_identity.domain.patient_search import KeptSearch
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import PATIENT_CANDIDATE_CHOSEN, PATIENT_CANDIDATE_SET_ASIDE, PATIENT_SEARCH_SETTLED, event
from carnet_identity.usecases.ports import EventRecord, Patients, SearchMemory


@dataclass(frozen=True, slots=True)
class Choice:
    """Who was meant: ids of the search and of the person, empty for none of them."""

    search: str
    patient: str


class SelectCandidate:
    """The use case."""

    def __init__(
        self,
        client: Client,
        patients: Patients,
        searches: SearchMemory,
        acting: ActingUser,
        requests: Requests,
        journal: EventRecord,
        clock: Clock,
    ) -> None:
        self._client, self._patients, self._searches, self._acting = client, patients, searches, acting
        self._requests, self._journal, self._clock = requests, journal, clock

    async def __call__(self, asked: Asked, choice: Choice, answer: Callable[[Patient | None], bytes]) -> bytes:
        """The answer that tells the person chosen.

        Args:
            asked: the request, by which a retry is known.
            choice: who was meant.
            answer: serialises the answer, which is kept so that a retry gets the very same.

        Raises:
            NotFound: there is no such search of this professional, or it is over, or nobody of that name was shown by it.
            AlreadyExists: REQUEST_ID_REUSED.
            Unauthenticated: SESSION_WITHDRAWN, also when that happened meanwhile.
            Unavailable: EVENT_NOT_DURABLE.
        """
        user = await self._acting.professional()

        first = await in_transaction(self._client, lambda session: self._requests.first_answer(session, asked))  # 2
        if first is None:
            given = answer(await self._settle(user.subject, choice))

            async def settled(session: StoreSession) -> bytes:
                del session
                return given

            first = await in_transaction(self._client, lambda session: self._requests.once(session, asked, settled))
        await self._acting.professional()  # 4
        return first

    async def _settle(self, professional: str, choice: Choice) -> Patient | None:
        search = await self._searches.find(choice.search)
        if search is None or search.professional != professional or search.expire_time <= self._clock.now():  # 1
            raise NotFound("NOT_FOUND", "there is no such search of this user", field="search")
        if choice.patient and choice.patient not in search.patients:
            raise NotFound("NOT_FOUND", "the search showed nobody of that name", field="patient")
        patient = await self._patients.find(choice.patient) if choice.patient else None
        await asyncio.gather(*(self._journal.append(payload) for payload in self._events(search, choice.patient)))  # 3
        return patient

    def _events(self, search: KeptSearch, chosen: str) -> list[bytes]:
        call, now = current_call(), self._clock.now()
        others = [one for one in search.patients if one != chosen]
        settled = event(
            PATIENT_SEARCH_SETTLED,
            call,
            now,
            decision="permit",
            subject=search.name,
            change="CHOSEN" if chosen else "NONE",
            count=len(others),
        )
        kinds = {one: PATIENT_CANDIDATE_CHOSEN if one == chosen else PATIENT_CANDIDATE_SET_ASIDE for one in search.patients}
        return [settled, *(event(kind, call, now, decision="permit", subject=f"patients/{one}") for one, kind in kinds.items())]
