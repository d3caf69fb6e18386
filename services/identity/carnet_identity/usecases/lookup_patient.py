"""Finds a person by exact INS, present or former. That somebody looked is durable before the traits are handed over.

A number that is known and one that is not walk the same steps, and each is metered and recorded. Whoever was withdrawn while the event
was made durable gets nothing, and his event stands: the history tells of one look too many, never of one too few.
"""

from __future__ import annotations

import asyncio

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import NotFound

from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import PATIENT_LOOKED_UP, event
from carnet_identity.usecases.meter import LOOKUP, Meter
from carnet_identity.usecases.ports import EventRecord, Patients


class LookupPatient:
    """The use case, and the only way a professional gets from an INS to a person."""

    def __init__(self, patients: Patients, acting: ActingUser, meter: Meter, journal: EventRecord, clock: Clock) -> None:
        self._patients = patients
        self._acting = acting
        self._meter = meter
        self._journal = journal
        self._clock = clock

    async def __call__(self, ins: Ins, *, kind: str = PATIENT_LOOKED_UP) -> Patient:
        """The person of an INS. `kind` is the event's, for who looks her up in order to do something else.

        Raises:
            NotFound: for a well-formed number that is not registered.
            Unauthenticated: SESSION_WITHDRAWN, also when that happened meanwhile.
            ResourceExhausted: RATE_LIMITED, never in an emergency.
            Unavailable: EVENT_NOT_DURABLE.
        """
        await asyncio.gather(self._acting.professional(), self._meter.take(LOOKUP))
        patient = await self._patients.find_by_ins(ins)
        await self._journal.append(self._event(kind, patient))
        await self._acting.professional()
        if patient is None:
            raise NotFound("NOT_FOUND", "no person is registered under this INS")
        return patient

    def _event(self, kind: str, patient: Patient | None) -> bytes:
        call, now = current_call(), self._clock.now()
        if patient is None:
            return event(kind, call, now, decision="deny", reason="NOT_FOUND")
        return event(kind, call, now, decision="permit", subject=patient.name)
