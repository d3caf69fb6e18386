"""Accepts or refuses an invitation, as the person invited. Anybody else's is as good as none.

Whoever accepts attests to be who was invited. An invitation holds as long as whoever made it could make it still: a representative who
was suspended meanwhile brings nobody in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from carnet_platform.calls import User, current_call
from carnet_platform.errors import FailedPrecondition, InvalidArgument
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.majority import majority
from carnet_identity.domain.mandate import Mandate, MandateState
from carnet_identity.domain.mandate_rules import accepted, closed
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.mandate_book import MandateBook
from carnet_identity.usecases.mandate_events import MANDATE_ACCEPTED, MANDATE_REFUSED
from carnet_identity.usecases.mandate_parties import absent, check_is_person, may_invite
from carnet_identity.usecases.ports import Patients


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateAnswer:
    """What the person invited says."""

    mandate_id: str
    accepts: bool
    attests_identity: bool = False


class AnswerMandate:
    """The use case."""

    def __init__(self, client: Client, patients: Patients, acting: ActingUser, book: MandateBook, requests: Requests) -> None:
        self._client = client
        self._patients = patients
        self._acting = acting
        self._book = book
        self._requests = requests

    async def __call__(self, asked: Asked, said: MandateAnswer, answer: Callable[[Mandate], bytes]) -> bytes:
        """The answer that tells the mandate as it then stands.

        Raises:
            Denied: ROLE_NOT_ALLOWED.
            NotFound: nobody invited this user to that.
            InvalidArgument: the attestation is missing.
            BrokenRule, FailedPrecondition: STATE_FORBIDS.
        """
        user = await self._acting.somebody()
        check_is_person(user)
        if said.accepts and not said.attests_identity:
            raise InvalidArgument("INVALID_FIELD", "whoever accepts attests to be who was invited", field="attests_identity")

        async def keep(store: StoreSession) -> bytes:
            return answer(await self._answer(store, user, said))

        given = await in_transaction(self._client, lambda store: self._requests.once(store, asked, keep))
        await self._acting.somebody()
        return given

    async def _answer(self, store: StoreSession, user: User, said: MandateAnswer) -> Mandate:
        mandate = await self._book.mandates.find(said.mandate_id, store)
        if mandate is None or mandate.mandatary != user.subject:
            raise absent()
        of_holder = await self._book.mandates.of_holder(mandate.holder, store)
        if said.accepts:
            return await self._accept(store, mandate, of_holder)
        if mandate.state is not MandateState.PENDING:
            raise FailedPrecondition("STATE_FORBIDS", "the invitation awaits no answer any more", field="mandate")
        refused = closed(mandate, MandateState.REFUSED, self._book.now())
        return await self._book.keep(store, refused, MANDATE_REFUSED, current_call(), of_holder)

    async def _accept(self, store: StoreSession, mandate: Mandate, of_holder: list[Mandate]) -> Mandate:
        now = self._book.now()
        holder = await self._patients.find(mandate.holder.partition("/")[2])
        if holder is None or holder.is_deceased:
            raise FailedPrecondition("STATE_FORBIDS", "the invitation awaits no answer any more", field="mandate")
        comes_of_age = majority(holder.traits.birth_date, age=self._book.times.age_of_majority)
        changed = accepted(mandate, of_holder, comes_of_age, now)
        if not may_invite(mandate.made_by, mandate.holder, mandate.kind, of_holder, now):
            raise FailedPrecondition("STATE_FORBIDS", "whoever invited may no longer do so", field="mandate")
        twins = [one for one in of_holder if one.mandatary == mandate.mandatary and one.kind is mandate.kind and one.id != mandate.id]
        if any(one.is_in_force(now) for one in twins):
            raise FailedPrecondition("STATE_FORBIDS", "a mandate of this kind is in force: end it first", field="mandate")
        return await self._book.keep(store, changed, MANDATE_ACCEPTED, current_call(), of_holder)
