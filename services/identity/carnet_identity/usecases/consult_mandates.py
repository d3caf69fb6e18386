"""Tells mandates to those they concern: the holder, the mandatary, the holder's representatives. Each reading is recorded first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from carnet_platform.calls import User, current_call

from carnet_identity.domain.mandate import Mandate
from carnet_identity.storage.hidden_places import HiddenPlaceStore
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import event
from carnet_identity.usecases.mandate_book import MandateBook
from carnet_identity.usecases.mandate_events import MANDATE_READ, MANDATES_LISTED
from carnet_identity.usecases.mandate_parties import absent, check_is_person, check_may_read
from carnet_identity.usecases.ports import EventRecord

Place = tuple[datetime, str]
"""Where a mandate stands among others: when it was made, and its id."""


@dataclass(frozen=True, slots=True)
class ToldMandate:
    """A mandate as it is told to one reader; what is hidden from mandataries is told to the holder alone."""

    mandate: Mandate
    reader: str
    hidden_structures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MandatePage:
    """Mandates, newest first, and where the next page begins; None on the last."""

    mandates: tuple[ToldMandate, ...]
    follows: Place | None


class ConsultMandates:
    """The use cases GetMandate and ListMandates."""

    def __init__(self, acting: ActingUser, book: MandateBook, hidden: HiddenPlaceStore, journal: EventRecord) -> None:
        self._acting = acting
        self._book = book
        self._hidden = hidden
        self._journal = journal

    async def one(self, mandate_id: str) -> ToldMandate:
        """One mandate; NotFound for one that is none of this user's."""
        user = await self._acting.somebody()
        mandate = await self._book.mandates.find(mandate_id)
        if mandate is None:
            raise absent()
        check_may_read(user, mandate, await self._book.mandates.readable_of_holder(mandate.holder), self._book.now())
        told = await self._told(user, [mandate])
        await self._announce(MANDATE_READ, mandate.name)
        return told[0]

    async def page(self, size: int, after: Place | None) -> MandatePage:
        """At most `size` mandates of the user's that were made before the place given; Denied for whoever is no person."""
        user = await self._acting.somebody()
        check_is_person(user)
        found = sorted(await self._all(user), key=_place, reverse=True)
        rest = [one for one in found if after is None or _place(one) < after]
        told = await self._told(user, rest[:size])
        await self._announce(MANDATES_LISTED, user.subject)
        return MandatePage(tuple(told), _place(rest[size - 1]) if len(rest) > size else None)

    async def _all(self, user: User) -> list[Mandate]:
        now, mandates = self._book.now(), self._book.mandates
        own = [*await mandates.readable_of_holder(user.subject), *await mandates.of_mandatary(user.subject)]
        represented = {one.holder for one in own if one.mandatary == user.subject and one.represents(one.holder, now)}
        others = [one for holder in sorted(represented) for one in await mandates.readable_of_holder(holder)]
        return list({one.id: one for one in (*own, *others)}.values())

    async def _told(self, user: User, mandates: list[Mandate]) -> list[ToldMandate]:
        is_holder_of_any = any(one.holder == user.subject for one in mandates)
        hidden = (await self._hidden.of(user.subject)).structures if is_holder_of_any else ()
        return [ToldMandate(one, user.subject, hidden if one.holder == user.subject else ()) for one in mandates]

    async def _announce(self, kind: str, subject: str) -> None:
        payload = event(kind, current_call(), self._book.now(), decision="permit", subject=subject)
        await self._journal.append(payload)
        # Nothing is awaited between this second look and the answer.
        await self._acting.somebody()


def _place(mandate: Mandate) -> Place:
    return mandate.made_time, mandate.id
