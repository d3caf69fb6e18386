"""`carnet.identity.v1.PatientRegistryService`: registering persons, finding them by exact INS, and what changes of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import grpc
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import patient_registry_service_pb2 as pb
from carnet.identity.v1.patient_registry_service_pb2_grpc import PatientRegistryServiceServicer
from carnet_platform.clock import Clock
from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name

from carnet_identity.api import mapping
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.free_text import parse_text
from carnet_identity.domain.identity_evidence import IdentityEvidence
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Traits, parse_commune
from carnet_identity.usecases.change_patient import PatientVersion
from carnet_identity.usecases.compare_patient import ComparePatient, SettleComparison
from carnet_identity.usecases.lookup_patient import LookupPatient
from carnet_identity.usecases.record_death import RecordDeath
from carnet_identity.usecases.register_patient import RegisterPatient, Registration
from carnet_identity.usecases.update_patient import ChangeIdentityStatus, ReplaceIns, UndoDeath, UpdatePatient


@dataclass(frozen=True, slots=True)
class Verbs:
    """What can be done with persons."""

    register: RegisterPatient
    lookup: LookupPatient
    update: UpdatePatient
    change_status: ChangeIdentityStatus
    replace_ins: ReplaceIns
    compare: ComparePatient
    settle: SettleComparison
    record_death: RecordDeath
    undo_death: UndoDeath


@dataclass(frozen=True, slots=True)
class Reading:
    """How requests are read: by which clock, how far a software's may be ahead, which numbers are good here."""

    clock: Clock
    tolerance: timedelta
    is_production: bool

    def ins(self, message: patient_pb2.Ins) -> Ins:
        """A strict INS."""
        return mapping.ins_from(message, is_production=self.is_production)

    def traits(self, message: patient_pb2.Traits) -> Traits:
        """Traits that may be registered."""
        return mapping.traits_from(message, today=self.clock.now().date())

    def evidence(self, message: patient_pb2.IdentityEvidence) -> IdentityEvidence:
        """What a status rests on."""
        return mapping.evidence_from(message, now=self.clock.now(), tolerance=self.tolerance)


class _Change(Protocol):
    """A request that changes a person."""

    patient: str
    etag: str


class PatientRegistryServicer(PatientRegistryServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, verbs: Verbs, reading: Reading) -> None:
        self._verbs = verbs
        self._read = reading

    async def RegisterPatient(  # noqa: N802 - the contract's name
        self, request: pb.RegisterPatientRequest, context: grpc.aio.ServicerContext[pb.RegisterPatientRequest, pb.RegisterPatientResponse]
    ) -> pb.RegisterPatientResponse:
        """Registers a person."""
        del context
        with mapping.refusing():
            said = Registration(
                ins=self._read.ins(request.ins),
                traits=self._read.traits(request.traits),
                status=mapping.status_from(request.identity_status),
                evidence=self._read.evidence(request.identity_evidence),
                residence_commune=parse_commune(request.residence_commune),
            )
            answer = await self._verbs.register(asked(request), said, _told)
        return pb.RegisterPatientResponse.FromString(answer)

    async def LookupPatient(  # noqa: N802
        self, request: pb.LookupPatientRequest, context: grpc.aio.ServicerContext[pb.LookupPatientRequest, pb.LookupPatientResponse]
    ) -> pb.LookupPatientResponse:
        """Finds a person by exact INS."""
        del context
        with mapping.refusing():
            patient = await self._verbs.lookup(self._read.ins(request.ins))
        return pb.LookupPatientResponse(patient=mapping.patient_to(patient))

    async def UpdatePatient(  # noqa: N802
        self, request: pb.UpdatePatientRequest, context: grpc.aio.ServicerContext[pb.UpdatePatientRequest, pb.UpdatePatientResponse]
    ) -> pb.UpdatePatientResponse:
        """Changes names in use, residence, strict traits."""
        del context
        with mapping.refusing():
            answer = await self._verbs.update(
                asked(request),
                _version(request),
                self._read.traits(request.traits),
                parse_commune(request.residence_commune),
                self._read.evidence(request.identity_evidence),
                _told,
            )
        return pb.UpdatePatientResponse.FromString(answer)

    async def ChangeIdentityStatus(  # noqa: N802
        self,
        request: pb.ChangeIdentityStatusRequest,
        context: grpc.aio.ServicerContext[pb.ChangeIdentityStatusRequest, pb.ChangeIdentityStatusResponse],
    ) -> pb.ChangeIdentityStatusResponse:
        """Changes status and attributes."""
        del context
        with mapping.refusing():
            answer = await self._verbs.change_status(
                asked(request),
                _version(request),
                mapping.status_from(request.identity_status),
                mapping.attributes_from(request.identity_attributes),
                self._read.evidence(request.identity_evidence),
                _told,
            )
        return pb.ChangeIdentityStatusResponse.FromString(answer)

    async def ReplaceIns(  # noqa: N802
        self, request: pb.ReplaceInsRequest, context: grpc.aio.ServicerContext[pb.ReplaceInsRequest, pb.ReplaceInsResponse]
    ) -> pb.ReplaceInsResponse:
        """Gives a person another INS."""
        del context
        with mapping.refusing():
            answer = await self._verbs.replace_ins(
                asked(request), _version(request), self._read.ins(request.ins), self._read.evidence(request.identity_evidence), _told
            )
        return pb.ReplaceInsResponse.FromString(answer)

    async def ComparePatient(  # noqa: N802
        self, request: pb.ComparePatientRequest, context: grpc.aio.ServicerContext[pb.ComparePatientRequest, pb.ComparePatientResponse]
    ) -> pb.ComparePatientResponse:
        """Compares what a software holds with the registry; the registry's values are not told."""
        del context
        with mapping.refusing():
            found = await self._verbs.compare(self._read.ins(request.ins), mapping.raw_traits_from(request.traits))
        difference = pb.ComparePatientResponse.Difference
        return pb.ComparePatientResponse(
            patient=found.patient.name,
            differences=[difference(trait=one.trait, must_be_settled=one.must_be_settled) for one in found.differences],
            comparison=found.comparison,
        )

    async def SettleComparison(  # noqa: N802
        self,
        request: pb.SettleComparisonRequest,
        context: grpc.aio.ServicerContext[pb.SettleComparisonRequest, pb.SettleComparisonResponse],
    ) -> pb.SettleComparisonResponse:
        """Records what the professional decided."""
        del context
        (comparison_id,) = parse_name(request.comparison, "comparisons/*", "comparison")
        with mapping.refusing():
            settle_time: datetime = await self._verbs.settle(
                asked(request),
                comparison_id,
                is_same_person=request.same_person,
                reason=parse_text(request.reason, field="reason"),
            )
        return pb.SettleComparisonResponse(settle_time=mapping.timestamp_to(settle_time))

    async def RecordDeath(  # noqa: N802
        self, request: pb.RecordDeathRequest, context: grpc.aio.ServicerContext[pb.RecordDeathRequest, pb.RecordDeathResponse]
    ) -> pb.RecordDeathResponse:
        """States a death."""
        del context
        with mapping.refusing():
            evidence = parse_text(request.evidence, field="evidence")
            answer = await self._verbs.record_death(asked(request), _version(request), request.death_date, evidence, _told)
        return pb.RecordDeathResponse.FromString(answer)

    async def UndoDeath(  # noqa: N802
        self, request: pb.UndoDeathRequest, context: grpc.aio.ServicerContext[pb.UndoDeathRequest, pb.UndoDeathResponse]
    ) -> pb.UndoDeathResponse:
        """Takes a statement of death back."""
        del context
        with mapping.refusing():
            answer = await self._verbs.undo_death(asked(request), _version(request), parse_text(request.reason, field="reason"), _told)
        return pb.UndoDeathResponse.FromString(answer)


def _version(request: _Change) -> PatientVersion:
    if not request.etag:
        raise BrokenRule("etag", "required: that of the version read")
    return PatientVersion(patient_id=parse_name(request.patient, "patients/*", "patient")[0], etag=request.etag)


def _told(patient: Patient) -> bytes:
    # Every answer of a change is the person as changed, in field 1.
    return pb.RegisterPatientResponse(patient=mapping.patient_to(patient)).SerializeToString(deterministic=True)
