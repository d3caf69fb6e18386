"""Invites somebody to act for a person: a second representative of a minor, or a caregiver (domain.md 1.3; rules.md 13).

1. The holder or one of her representatives asks, for herself or whom she represents; for anybody else there is no such person.
2. Whether what is said of the person invited fits somebody registered is looked at and not told: the answer, the work and the row are
   alike. An invitation that fits nobody can be accepted by nobody, and expires.
3. In one transaction: a retry gets the first answer; the invitation is stored with its event `mandate.invited`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from carnet_platform.calls import User, current_call
from carnet_platform.errors import InvalidArgument, NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.majority import majority
from carnet_identity.domain.mandatary_match import MandataryMatch
from carnet_identity.domain.mandate import Mandate, MandateKind, MandateRelation, MandateState
from carnet_identity.domain.mandate_rules import check_caregiving_span, check_classes, check_room, check_span, end_of_representation
from carnet_identity.domain.patient import Patient
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.mandate_book import MandateBook
from carnet_identity.usecases.mandate_events import MANDATE_INVITED
from carnet_identity.usecases.mandate_parties import check_is_person, may_invite
from carnet_identity.usecases.ports import Patients


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What is asked, parsed."""

    holder: str
    """Opaque id of the person."""
    match: MandataryMatch
    kind: MandateKind
    relation: MandateRelation
    classes: Sequence[str]
    begin: datetime | None
    end: datetime | None


class InviteMandate:
    """The use case."""

    def __init__(self, client: Client, patients: Patients, acting: ActingUser, book: MandateBook, requests: Requests) -> None:
        self._client = client
        self._patients = patients
        self._acting = acting
        self._book = book
        self._requests = requests

    async def __call__(self, asked: Asked, invitation: Invitation, answer: Callable[[Mandate], bytes]) -> bytes:
        """The answer that tells the invitation, whoever it fits.

        Raises:
            Denied: ROLE_NOT_ALLOWED.
            NotFound: the holder is nobody whom the user may invite for.
            BrokenRule: INVALID_FIELD or STATE_FORBIDS.
        """
        user = await self._acting.somebody()
        check_is_person(user)

        async def invite(store: StoreSession) -> bytes:
            return answer(await self._invite(store, user, invitation))

        given = await in_transaction(self._client, lambda store: self._requests.once(store, asked, invite))
        await self._acting.somebody()
        return given

    async def _invite(self, store: StoreSession, user: User, asked: Invitation) -> Mandate:
        now, name = self._book.now(), f"patients/{asked.holder}"
        of_holder = await self._book.mandates.of_holder(name, store)
        holder = await self._patients.find(asked.holder)
        if holder is None or not may_invite(user.subject, name, asked.kind, of_holder, now):  # 1
            raise NotFound("NOT_FOUND", "there is no such person whom the user may invite for", field="holder")
        check_room(of_holder)
        mandate = self._mandate(user, holder, asked, now)
        found = await self._patients.find_by_ins(asked.match.ins, store)  # 2
        if found is not None and asked.match.fits(found):
            if found.name in {name, user.subject}:
                raise InvalidArgument("INVALID_FIELD", "the person invited is somebody else", field="mandatary")
            mandate = replace(mandate, mandatary=found.name)
        await self._book.keep_new(store, mandate, MANDATE_INVITED, current_call(), of_holder)  # 3
        return mandate

    def _mandate(self, user: User, holder: Patient, asked: Invitation, now: datetime) -> Mandate:
        times = self._book.times
        classes = check_classes(asked.kind, asked.classes)
        end, ends_at_majority = asked.end, False
        if asked.kind is MandateKind.CAREGIVING:
            check_caregiving_span(asked.begin, end, now, times.longest_caregiving)
        else:
            comes_of_age = majority(holder.traits.birth_date, age=times.age_of_majority)
            end, ends_at_majority = end_of_representation(asked.kind, end, comes_of_age, now)
        check_span(asked.begin or now, end, now)
        return Mandate(
            id=new_id(),
            holder=holder.name,
            mandatary="",
            kind=asked.kind,
            relation=asked.relation,
            state=MandateState.PENDING,
            made_by=user.subject,
            made_time=now,
            classes=classes,
            begin=asked.begin,
            end=end,
            ends_at_majority=ends_at_majority,
            invitation_expires=now + times.invitation,
        )
