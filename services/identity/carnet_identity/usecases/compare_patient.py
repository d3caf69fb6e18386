"""Compares what a software holds of a person with the registry before a first access, and lets a person settle a difference.

Comparing (DEVBOX EX_GEN-1230) tells which traits differ, never what the registry holds. When a person must decide, the comparison is
kept for fifteen minutes, for the professional who asked; he settles it once, with his reason, and that is an event. Nothing that comes
back overwrites anything here (PDSM4DMP RG_0320): a trait is corrected by `update_patient.py` alone.

Consent refuses this professional to open a record of this person meanwhile (`refer_to_patient.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from carnet_platform.calls import User, current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.first_access import KEPT, AccessDifference, FirstAccess, compare_for_access, settled
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Traits
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import COMPARISON_SETTLED, PATIENT_COMPARED, event
from carnet_identity.usecases.lookup_patient import LookupPatient
from carnet_identity.usecases.ports import ChangeRecord, Comparisons


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found; `comparison` is the name to settle it by, empty when nothing must be settled."""

    patient: Patient
    differences: tuple[AccessDifference, ...]
    comparison: str


class ComparePatient:
    """The use case."""

    def __init__(self, lookup: LookupPatient, comparisons: Comparisons, acting: ActingUser, clock: Clock) -> None:
        self._lookup = lookup
        self._comparisons = comparisons
        self._acting = acting
        self._clock = clock

    async def __call__(self, ins: Ins, traits: Traits) -> Compared:
        """How the traits, unchecked, differ from those of the person of an INS; raises as looking her up does."""
        patient = await self._lookup(ins, kind=PATIENT_COMPARED)
        differences = compare_for_access(traits, ins, patient)
        open_ones = tuple(one.trait for one in differences if one.must_be_settled)
        if not open_ones:
            return Compared(patient, differences, "")
        user = await self._acting.professional()
        comparison = FirstAccess(
            id=new_id(), professional=user.subject, patient=patient.name, differences=open_ones, expire_time=self._clock.now() + KEPT
        )
        await self._comparisons.insert(comparison)
        await self._acting.professional()
        return Compared(patient, differences, comparison.name)


class SettleComparison:
    """The use case."""

    def __init__(
        self,
        client: Client,
        comparisons: Comparisons,
        acting: ActingUser,
        changes: ChangeRecord,
        requests: Requests,
        clock: Clock,
    ) -> None:
        self._client = client
        self._comparisons = comparisons
        self._acting = acting
        self._changes = changes
        self._requests = requests
        self._clock = clock

    async def __call__(self, asked: Asked, comparison_id: str, *, is_same_person: bool, reason: str) -> datetime:
        """When it was settled.

        Raises:
            NotFound: there is no such comparison of this professional, or not any more.
            BrokenRule: STATE_FORBIDS, when it is settled already or its fifteen minutes are over.
            AlreadyExists: REQUEST_ID_REUSED.
            Unauthenticated: SESSION_WITHDRAWN, also when that happened meanwhile.
        """
        user = await self._acting.professional()

        async def settle(session: StoreSession) -> bytes:
            now = self._clock.now()
            await self._settle(session, comparison_id, user, now, is_same_person=is_same_person, reason=reason)
            return now.isoformat().encode()

        settle_time = await in_transaction(self._client, lambda session: self._requests.once(session, asked, settle))
        await self._acting.professional()
        return datetime.fromisoformat(settle_time.decode())

    async def _settle(
        self, session: StoreSession, comparison_id: str, user: User, now: datetime, *, is_same_person: bool, reason: str
    ) -> None:
        held = await self._comparisons.find(comparison_id, session)
        if held is None or held.professional != user.subject:
            raise NotFound("NOT_FOUND", "there is no such comparison of this professional", field="comparison")
        comparison = settled(held, is_same_person=is_same_person, now=now)
        await self._comparisons.settle(session, comparison)
        change = "SAME_PERSON" if is_same_person else "ANOTHER_PERSON"
        payload = event(COMPARISON_SETTLED, current_call(), now, subject=comparison.patient, change=change, motive=reason)
        await self._changes.append(session, comparison.name, payload, revision=1)
