"""What other services may learn of a person they know by opaque name: a status, and whether a header speaks of them. No trait."""

from __future__ import annotations

from carnet_platform.errors import NotFound

from carnet_identity.domain.comparison import Comparison, compare_header
from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Traits
from carnet_identity.usecases.ports import Patients


class ReferToPatient:
    """The use cases."""

    def __init__(self, patients: Patients) -> None:
        self._patients = patients

    async def status(self, patient_id: str) -> IdentityStatus:
        """How far the identity was verified; NotFound for an id never given."""
        return (await self._find(patient_id)).status

    async def match(self, patient_id: str, header: Traits, header_ins: tuple[str, str] | None) -> tuple[Comparison, IdentityStatus]:
        """Compares a document's header with the person (rules.md 20), who may be fed or not; NotFound for an id never given."""
        patient = await self._find(patient_id)
        found = compare_header(header, header_ins, patient.traits, patient.ins, [former.ins for former in patient.former])
        return found, patient.status

    async def _find(self, patient_id: str) -> Patient:
        patient = await self._patients.find(patient_id)
        if patient is None:
            raise NotFound("NOT_FOUND", "there is no such person", field="patient")
        return patient
