"""Changes what is known of a person: names in use, residence, strict traits, identity status, INS (domain.md 1.1).

Each is one change (`change_patient.py`) by one rule of `domain/patient_changes.py`; what is looked up for it is looked up in its
transaction. Taking a death back is here too: it withdraws nothing.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from carnet_platform.clock import Clock
from carnet_platform.idempotency import Asked
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.identity_evidence import IdentityEvidence
from carnet_identity.domain.identity_status import IdentityAttribute, IdentityStatus
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.patient_changes import INS_TAKEN, alive, updated, with_ins, with_status
from carnet_identity.domain.traits import Traits, strict_difference
from carnet_identity.usecases.change_patient import Answer, Changed, ChangePatient, PatientVersion
from carnet_identity.usecases.events import (
    PATIENT_DEATH_UNDONE,
    PATIENT_INS_REPLACED,
    PATIENT_STATUS_CHANGED,
    PATIENT_UPDATED,
)
from carnet_identity.usecases.meter import LOOKUP, Meter
from carnet_identity.usecases.ports import Patients
from carnet_identity.usecases.tell_life_news import LifeNewsDue


class UpdatePatient:
    """Names in use, residence, strict traits."""

    def __init__(self, change: ChangePatient) -> None:
        self._change = change

    async def __call__(
        self, asked: Asked, version: PatientVersion, traits: Traits, residence_commune: str, evidence: IdentityEvidence, answer: Answer
    ) -> bytes:
        """The answer. BrokenRule IDENTITY_EVIDENCE_REQUIRED beside what every change raises."""

        async def rule(held: Patient, session: StoreSession) -> Changed:
            del session
            patient = updated(held, traits, residence_commune, evidence)
            return Changed(patient=patient, kind=PATIENT_UPDATED, change=_what_changed(held, patient))

        return await self._change(asked, version, rule, answer)


class ChangeIdentityStatus:
    """Status and attributes."""

    def __init__(self, change: ChangePatient) -> None:
        self._change = change

    async def __call__(
        self,
        asked: Asked,
        version: PatientVersion,
        status: IdentityStatus,
        attributes: AbstractSet[IdentityAttribute],
        evidence: IdentityEvidence,
        answer: Answer,
    ) -> bytes:
        """The answer. BrokenRule IDENTITY_EVIDENCE_REQUIRED or INVALID_FIELD beside what every change raises."""

        async def rule(held: Patient, session: StoreSession) -> Changed:
            del session
            patient = with_status(held, status, attributes, evidence)
            marks = sorted(attribute.value for attribute in patient.attributes)
            return Changed(patient=patient, kind=PATIENT_STATUS_CHANGED, change="_".join([patient.status.value, *marks]))

        return await self._change(asked, version, rule, answer)


class ReplaceIns:
    """Another INS, that is nobody's."""

    def __init__(self, change: ChangePatient, patients: Patients, meter: Meter, clock: Clock) -> None:
        self._change = change
        self._meter = meter
        self._patients = patients
        self._clock = clock

    async def __call__(self, asked: Asked, version: PatientVersion, ins: Ins, evidence: IdentityEvidence, answer: Answer) -> bytes:
        """The answer. BrokenRule INS_TAKEN, IDENTITY_EVIDENCE_REQUIRED or STATE_FORBIDS beside what every change raises."""

        async def rule(held: Patient, session: StoreSession) -> Changed:
            bearer = await self._patients.find_by_ins(ins, session)
            if bearer is not None and bearer.id != held.id:
                raise BrokenRule("ins", "this INS is, or was, another person's", reason=INS_TAKEN)
            return Changed(patient=with_ins(held, ins, evidence, self._clock.now()), kind=PATIENT_INS_REPLACED)

        try:
            return await self._change(asked, version, rule, answer)
        except BrokenRule as broken:
            if broken.reason == INS_TAKEN:
                # It tells that the INS is somebody's: metered as looking her up (trial S4).
                await self._meter.take(LOOKUP)
            raise


class UndoDeath:
    """A death that was stated by mistake (rules.md 17): she may log in again.

    Mandates that ended are stated anew. Consent is told, so that her record comes back. The withdrawal that the statement was ends by
    itself, as long after it as a token lives.
    """

    def __init__(self, change: ChangePatient, news: LifeNewsDue) -> None:
        self._change = change
        self._news = news

    async def __call__(self, asked: Asked, version: PatientVersion, reason: str, answer: Answer) -> bytes:
        """The answer. BrokenRule STATE_FORBIDS beside what every change raises."""

        async def rule(held: Patient, session: StoreSession) -> Changed:
            patient = alive(held)
            await self._news.add(held.name, session)
            return Changed(patient=patient, kind=PATIENT_DEATH_UNDONE, motive=reason)

        return await self._change(asked, version, rule, answer)


def _what_changed(held: Patient, patient: Patient) -> str:
    if strict_difference(held.traits, patient.traits):
        return "STRICT_TRAITS"
    return "RESIDENCE" if held.traits == patient.traits else "NAMES_IN_USE"
