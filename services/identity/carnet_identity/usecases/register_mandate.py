"""Registers a mandate of representation on evidence that a professional or an administrative system saw (domain.md 1.3).

1. A professional in care or an administrative system asks, in a session that was not withdrawn.
2. The holder is registered and alive; the mandatary fits one registered person in all that is said of her, or is refused as unknown.
3. A minor is represented until her majority at the latest; an adult's representation ends where the judgment says so.
4. In one transaction: a retry gets the first answer; a mandate of the same kind in force is not doubled; one that was suspended makes
   way, for this is how it comes back; the new one is stored with its event `mandate.registered`, which the others are to be told of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from carnet_platform.calls import User, current_call
from carnet_platform.errors import FailedPrecondition, InvalidArgument, NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.majority import majority
from carnet_identity.domain.mandatary_match import MandataryMatch
from carnet_identity.domain.mandate import Mandate, MandateKind, MandateRelation, MandateState
from carnet_identity.domain.mandate_rules import check_room, check_span, check_text, closed, end_of_representation
from carnet_identity.domain.patient import Patient
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.mandate_book import MandateBook
from carnet_identity.usecases.mandate_events import MANDATE_ENDED, MANDATE_REGISTERED
from carnet_identity.usecases.mandate_parties import check_may_register
from carnet_identity.usecases.ports import Patients

_REGISTERED_ANEW = "REGISTERED_ANEW"


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateRegistration:
    """What is asked, parsed."""

    holder: str
    """Opaque id of the person."""
    match: MandataryMatch
    kind: MandateKind
    relation: MandateRelation
    evidence: str
    begin: datetime | None
    end: datetime | None


class RegisterMandate:
    """The use case."""

    def __init__(self, client: Client, patients: Patients, acting: ActingUser, book: MandateBook, requests: Requests) -> None:
        self._client = client
        self._patients = patients
        self._acting = acting
        self._book = book
        self._requests = requests

    async def __call__(self, asked: Asked, said: MandateRegistration, answer: Callable[[Mandate], bytes]) -> bytes:
        """The answer that tells the mandate registered.

        Raises:
            Denied: ROLE_NOT_ALLOWED.
            NotFound: there is no such holder.
            FailedPrecondition: PERSON_DECEASED.
            InvalidArgument: the mandatary fits no registered person, whatever differs.
            BrokenRule: INVALID_FIELD or STATE_FORBIDS.
        """
        user = await self._acting.somebody()  # 1
        check_may_register(user)
        mandate = await self._mandate(user, said)  # 2, 3

        async def keep(store: StoreSession) -> bytes:
            await self._keep(store, mandate)
            return answer(mandate)

        given = await in_transaction(self._client, lambda store: self._requests.once(store, asked, keep))  # 4
        await self._acting.somebody()
        return given

    async def _mandate(self, user: User, asked: MandateRegistration) -> Mandate:
        if not asked.kind.is_representation:
            raise InvalidArgument("INVALID_FIELD", "a representation is registered; a caregiver is invited", field="kind")
        evidence, now = check_text(asked.evidence, "evidence"), self._book.now()
        holder = await self._patients.find(asked.holder)
        if holder is None:
            raise NotFound("NOT_FOUND", "there is no such person", field="holder")
        if holder.is_deceased:
            raise FailedPrecondition("PERSON_DECEASED", "the person has died", field="holder")
        mandatary = await self._mandatary(holder, asked.match)
        begin = asked.begin or now
        comes_of_age = majority(holder.traits.birth_date, age=self._book.times.age_of_majority)
        end, ends_at_majority = end_of_representation(asked.kind, asked.end, comes_of_age, now)
        check_span(begin, end, now)
        return Mandate(
            id=new_id(),
            holder=holder.name,
            mandatary=mandatary.name,
            kind=asked.kind,
            relation=asked.relation,
            state=MandateState.ACCEPTED,
            made_by=user.subject,
            made_time=now,
            begin=begin,
            end=end,
            ends_at_majority=ends_at_majority,
            evidence=evidence,
        )

    async def _mandatary(self, holder: Patient, match: MandataryMatch) -> Patient:
        found = await self._patients.find_by_ins(match.ins)
        if found is None or not match.fits(found):
            raise InvalidArgument("INVALID_FIELD", "what is said of the mandatary fits no registered person", field="mandatary")
        if found.name == holder.name:
            raise InvalidArgument("INVALID_FIELD", "nobody represents herself", field="mandatary")
        return found

    async def _keep(self, store: StoreSession, mandate: Mandate) -> None:
        now = self._book.now()
        of_holder = await self._book.mandates.of_holder(mandate.holder, store)
        check_room(of_holder)
        same = [one for one in of_holder if one.mandatary == mandate.mandatary and one.kind.is_representation]
        if any(one.is_in_force(now) for one in same):
            raise FailedPrecondition("STATE_FORBIDS", "this person represents the holder already", field="mandatary")
        for earlier in same:
            if earlier.state is MandateState.SUSPENDED:
                ended = closed(earlier, MandateState.ENDED, now)
                await self._book.keep(store, ended, MANDATE_ENDED, current_call(), of_holder, change=_REGISTERED_ANEW)
        await self._book.keep_new(store, mandate, MANDATE_REGISTERED, current_call(), of_holder)
