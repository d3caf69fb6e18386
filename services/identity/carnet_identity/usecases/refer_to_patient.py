"""What other services may learn of a person they know by opaque name: how she stands, and whether a header speaks of her. No trait."""

from __future__ import annotations

from dataclasses import dataclass

from carnet_platform.clock import Clock
from carnet_platform.errors import NotFound

from carnet_identity.domain.comparison import Comparison, compare_header
from carnet_identity.domain.departement import departement
from carnet_identity.domain.first_access import is_open
from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Traits
from carnet_identity.usecases.ports import Comparisons, Patients


@dataclass(frozen=True, slots=True)
class Standing:
    """What is told of a person who is known by opaque name."""

    status: IdentityStatus
    is_deceased: bool
    revision: int
    departement: str
    has_open_comparison: bool
    """The professional who asks has compared his traits with hers, and not said yet that it is she (DEVBOX EX_GEN-1230)."""


class ReferToPatient:
    """The use cases."""

    def __init__(self, patients: Patients, comparisons: Comparisons, clock: Clock) -> None:
        self._patients = patients
        self._comparisons = comparisons
        self._clock = clock

    async def standing(self, patient_id: str, professional: str) -> Standing:
        """How far the identity was verified, whether she lives, in which departement; NotFound for an id never given.

        `professional` is who is about to have to do with her for the first time; empty for nobody.
        """
        patient = await self._find(patient_id)
        compared = await self._comparisons.newest(professional, patient.name) if professional else None
        is_compared = compared is not None and is_open(compared, self._clock.now())
        return Standing(patient.status, patient.is_deceased, patient.revision, departement(patient.residence_commune), is_compared)

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
