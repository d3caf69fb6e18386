"""Finds a person by exact INS. That somebody looked is durable before the traits are handed over.

Whoever was withdrawn while the event was made durable gets nothing, and his event stands: the history tells of one look too many,
never of one too few.
"""

from __future__ import annotations

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import NotFound

from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import PATIENT_LOOKED_UP, event
from carnet_identity.usecases.ports import EventRecord, Patients


class LookupPatient:
    """The use case."""

    def __init__(self, patients: Patients, acting: ActingUser, journal: EventRecord, clock: Clock) -> None:
        self._patients = patients
        self._acting = acting
        self._journal = journal
        self._clock = clock

    async def __call__(self, ins: Ins) -> Patient:
        """The person of an INS.

        Raises:
            NotFound: for a well-formed number that is not registered.
            Unauthenticated: SESSION_WITHDRAWN, also when that happened meanwhile.
            Unavailable: EVENT_NOT_DURABLE.
        """
        await self._acting.professional()
        patient = await self._patients.find_by_ins(ins)
        call, now = current_call(), self._clock.now()
        if patient is None:
            await self._journal.append(event(PATIENT_LOOKED_UP, call, now, decision="deny", reason="NOT_FOUND"))
            await self._acting.professional()
            raise NotFound("NOT_FOUND", "no person is registered under this INS")
        await self._journal.append(event(PATIENT_LOOKED_UP, call, now, decision="permit", subject=patient.name))
        await self._acting.professional()
        return patient
