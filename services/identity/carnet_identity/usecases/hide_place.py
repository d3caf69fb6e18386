"""Hides a place of care from those who act for a person, or shows it again.

The holder says so herself, whatever her age; a professional says it of the place he acts for, at the request of a minor. No mandatary
is told of it, by a list, an event or a session that ends: consent asks at each decision what is hidden. So hiding is acknowledged 505 ms
after its commit, when no permit given before can be used any more (architecture.md 5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from carnet_platform.calls import User, current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import Denied, FailedPrecondition, NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.directory import Structure
from carnet_identity.domain.majority import majority
from carnet_identity.storage.hidden_places import HiddenPlaceStore
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.mandate_events import PLACE_HIDDEN, PLACE_SHOWN, place_event
from carnet_identity.usecases.mandate_parties import is_person, is_professional
from carnet_identity.usecases.ports import ChangeRecord, Patients

MOST_PLACES = 100


class Places(Protocol):
    """The structures of the directory."""

    async def structures_of(self, ids: Sequence[str]) -> list[Structure]:
        """By opaque ids; unknown ones are left out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHiding:
    """What is asked: opaque ids of the holder and the structure."""

    holder: str
    structure: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class HidingTimes:
    """The age at which a person is no minor, in years; when hiding is acknowledged after its commit."""

    age_of_majority: int
    acknowledge_after: timedelta


class HidePlace:
    """The use case."""

    def __init__(
        self,
        client: Client,
        patients: Patients,
        places: Places,
        hidden: HiddenPlaceStore,
        acting: ActingUser,
        changes: ChangeRecord,
        requests: Requests,
        *,
        clock: Clock,
        times: HidingTimes,
    ) -> None:
        self._client = client
        self._patients = patients
        self._places = places
        self._hidden = hidden
        self._acting = acting
        self._changes = changes
        self._requests = requests
        self._clock = clock
        self._times = times

    async def __call__(self, asked: Asked, hiding: PlaceHiding, answer: Callable[[tuple[str, ...]], bytes]) -> bytes:
        """The answer that tells every place hidden now, to the holder; to a professional his own alone.

        Raises:
            NotFound: there is no such person or place for this user.
            Denied: ROLE_NOT_ALLOWED.
            FailedPrecondition: STATE_FORBIDS, with too many places.
        """
        user = await self._acting.somebody()
        await self._check(user, hiding)

        async def hide(store: StoreSession) -> bytes:
            hidden = await self._hide(store, hiding)
            return answer(hidden if is_person(user) else tuple(one for one in hidden if one == user.organisation))

        given = await in_transaction(self._client, lambda store: self._requests.once(store, asked, hide))
        if hiding.is_hidden:
            # A retry waits as well: the first answer may have been lost before the wait was over.
            await self._wait(self._clock.boottime())
        await self._acting.somebody()
        return given

    async def _check(self, user: User, asked: PlaceHiding) -> None:
        holder = await self._patients.find(asked.holder)
        if is_professional(user):
            if holder is None or self._clock.now() >= majority(holder.traits.birth_date, age=self._times.age_of_majority):
                raise NotFound("NOT_FOUND", "there is no such minor", field="holder")
            if user.organisation != f"structures/{asked.structure}":
                raise Denied("ROLE_NOT_ALLOWED", "a professional hides the place he acts for")
        elif not is_person(user):
            raise Denied("ROLE_NOT_ALLOWED", "the person herself, or a professional at a minor's request, hides a place of care")
        elif holder is None or holder.name != user.subject:
            raise NotFound("NOT_FOUND", "a person hides places from those who act for her alone", field="holder")
        if not await self._places.structures_of([asked.structure]):
            raise NotFound("NOT_FOUND", "there is no such structure", field="structure")

    async def _hide(self, store: StoreSession, asked: PlaceHiding) -> tuple[str, ...]:
        holder, structure = f"patients/{asked.holder}", f"structures/{asked.structure}"
        before = await self._hidden.of(holder, store)
        others = tuple(one for one in before.structures if one != structure)
        after = tuple(sorted((*others, structure))) if asked.is_hidden else others
        if after == before.structures:
            return after
        if len(after) > MOST_PLACES:
            raise FailedPrecondition("STATE_FORBIDS", f"a person hides at most {MOST_PLACES} places", field="structure")
        kept = await self._hidden.put(store, holder, after, before)
        kind = PLACE_HIDDEN if asked.is_hidden else PLACE_SHOWN
        payload = place_event(kind, holder, structure, current_call(), self._clock.now())
        await self._changes.append(store, kept.name, payload, revision=kept.revision)
        return after

    async def _wait(self, committed: float) -> None:
        end = committed + self._times.acknowledge_after.total_seconds()
        while (left := end - self._clock.boottime()) > 0:  # noqa: ASYNC110 - time itself is awaited, and a sleep may end early
            await asyncio.sleep(left)
