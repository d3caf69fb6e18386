"""How a mandate stands now: whether anything may be done under it, and what is hidden from its mandatary.

In force means more than accepted and within its dates: both are alive, a minor is still one by the birth date registered now, and the
mandate, and what the holder hides, are as their last events left them. A row that was set back, say to before a suspension, is noticed by
that (`mandate.rolled_back`, `hidden_places.rolled_back`, alarms), and nothing is in force. All of it is read after the question came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import structlog
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.majority import majority
from carnet_identity.domain.mandate import Mandate, MandateKind
from carnet_identity.domain.patient import Patient
from carnet_identity.storage.hidden_places import HiddenPlaceStore
from carnet_identity.usecases.mandate_book import MandateBook

_log = structlog.get_logger(__name__)


class Persons(Protocol):
    """Who the two are."""

    async def find(self, patient_id: str, session: StoreSession | None = None) -> Patient | None:
        """By opaque id."""
        ...


class LastRevisions(Protocol):
    """The platform's log of changes, as far as it is asked here."""

    async def last_revision(self, subject: str, *, session: StoreSession | None = None) -> int:
        """Of a subject; 0 without a change."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """A mandate in force, with its end as it is known now, and the places of care hidden from its mandatary."""

    mandate: Mandate
    hidden_structures: tuple[str, ...]


class CheckMandate:
    """The use case."""

    def __init__(self, persons: Persons, book: MandateBook, revisions: LastRevisions, places: HiddenPlaceStore) -> None:
        self._persons = persons
        self._book = book
        self._revisions = revisions
        self._places = places

    async def __call__(self, mandate_id: str) -> Standing | None:
        """The mandate, when it is in force; None otherwise, whatever the reason."""
        async with self._book.mandates.fresh() as session:
            mandate = await self._book.mandates.find(mandate_id, session)
            if mandate is None:
                return None
            if await self._revisions.last_revision(mandate.name, session=session) > mandate.revision:
                _log.error("mandate.rolled_back", mandate=mandate.id)
                return None
            hidden = await self._places.of(mandate.holder, session)
            if await self._revisions.last_revision(hidden.name, session=session) > hidden.revision:
                _log.error("hidden_places.rolled_back")
                return None
            holder = await self._persons.find(mandate.holder.partition("/")[2], session)
            mandatary = await self._persons.find(mandate.mandatary.partition("/")[2], session)
        if holder is None or mandatary is None or holder.is_deceased or mandatary.is_deceased:
            return None
        mandate = self._ending(mandate, holder.traits.birth_date)
        return Standing(mandate, hidden.structures) if mandate.is_in_force(self._book.now()) else None

    def _ending(self, mandate: Mandate, birth_date: str) -> Mandate:
        if mandate.kind is not MandateKind.MINOR_REPRESENTATION:
            return mandate
        comes_of_age = majority(birth_date, age=self._book.times.age_of_majority)
        return replace(mandate, end=comes_of_age if mandate.end is None else min(mandate.end, comes_of_age))
