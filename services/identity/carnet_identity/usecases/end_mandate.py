"""Suspends or ends a mandate at once: a withdrawal (`withdraw.py`) of the mandate's name, acknowledged when nothing more is read under it.

One that is suspended or ended already is withdrawn again and answered alike: nobody can tell whether consent ever heard of it.
`EndMandatesOf` does the same for everybody's mandates with a person who has died, in the transaction that states the death.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from carnet_platform.calls import User, current_call
from carnet_platform.errors import FailedPrecondition
from carnet_platform.idempotency import Asked
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.majority import majority
from carnet_identity.domain.mandate import Mandate, MandateState
from carnet_identity.domain.mandate_rules import check_text, closed
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.mandate_book import MandateBook
from carnet_identity.usecases.mandate_events import MANDATE_ENDED, MANDATE_SUSPENDED
from carnet_identity.usecases.mandate_parties import absent, check_may_end, check_may_suspend
from carnet_identity.usecases.ports import Patients
from carnet_identity.usecases.withdraw import Marked, Withdraw

_DEATH = "DEATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateEnding:
    """What is asked. `reason` says why it is suspended; None ends it for good."""

    mandate_id: str
    reason: str | None = None


class EndMandate:
    """The use case of both."""

    def __init__(self, patients: Patients, acting: ActingUser, book: MandateBook, withdraw: Withdraw) -> None:
        self._patients = patients
        self._acting = acting
        self._book = book
        self._withdraw = withdraw

    async def __call__(self, asked: Asked, ending: MandateEnding, answer: Callable[[Mandate, str], bytes]) -> bytes:
        """The answer that tells the mandate as it then stands, to whom it is told, once nothing more is read under it.

        Raises:
            NotFound: there is no such mandate of this user's.
            Denied: ROLE_NOT_ALLOWED.
            FailedPrecondition: STATE_FORBIDS, for an invitation that was refused or has expired.
            Unavailable: consent does not answer; it may have ended already, so retry.
        """
        user = await self._acting.somebody()
        reason = None if ending.reason is None else check_text(ending.reason, "reason")

        async def mark(store: StoreSession) -> Marked:
            mandate = await self._book.mandates.find(ending.mandate_id, store)
            if mandate is None:
                raise absent()
            kept = await self._mark(store, user, mandate, reason)
            return Marked(answer(kept, user.subject), [kept.name])

        return await self._withdraw(asked, mark)

    async def _mark(self, store: StoreSession, user: User, mandate: Mandate, reason: str | None) -> Mandate:
        now = self._book.now()
        of_holder = await self._book.mandates.readable_of_holder(mandate.holder, store)
        if reason is None:
            check_may_end(user, mandate, of_holder, is_minor=await self._is_minor(mandate.holder), now=now)
        else:
            check_may_suspend(user, mandate, of_holder, now)
        if mandate.state is MandateState.ENDED or (mandate.state is MandateState.SUSPENDED and reason is not None):
            return mandate
        if mandate.state in {MandateState.REFUSED, MandateState.EXPIRED}:
            raise FailedPrecondition("STATE_FORBIDS", "the invitation is over", field="mandate")
        if reason is None:
            ended = closed(mandate, MandateState.ENDED, now)
            return await self._book.keep(store, ended, MANDATE_ENDED, current_call(), of_holder)
        suspended = closed(mandate, MandateState.SUSPENDED, now, reason=reason)
        return await self._book.keep(store, suspended, MANDATE_SUSPENDED, current_call(), of_holder, motive=reason)

    async def _is_minor(self, holder: str) -> bool:
        found = await self._patients.find(holder.partition("/")[2])
        return found is None or self._book.now() < majority(found.traits.birth_date, age=self._book.times.age_of_majority)


class EndMandatesOf:
    """Ends every mandate of which a person is the holder or the mandatary (rules.md 17)."""

    def __init__(self, book: MandateBook) -> None:
        self._book = book

    async def end_of(self, session: StoreSession, patient: str, now: datetime) -> Sequence[str]:
        """Ends the mandates of `patients/{patient}`, each with its event, in the caller's transaction; their names, to be withdrawn."""
        ended: list[str] = []
        for mandate in (
            *await self._book.mandates.readable_of_holder(patient, session),
            *await self._book.mandates.of_mandatary(patient, session),
        ):
            if mandate.state.is_open or mandate.state is MandateState.SUSPENDED:
                of_holder = await self._book.mandates.readable_of_holder(mandate.holder, session)
                closing = closed(mandate, MandateState.ENDED, now)
                kept = await self._book.keep(session, closing, MANDATE_ENDED, current_call(), of_holder, change=_DEATH)
                ended.append(kept.name)
        return ended
