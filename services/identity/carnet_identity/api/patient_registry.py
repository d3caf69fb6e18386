"""`carnet.identity.v1.PatientRegistryService`: registering persons and finding them by exact INS."""

from __future__ import annotations

import grpc
from carnet.identity.v1 import patient_registry_service_pb2 as pb
from carnet.identity.v1.patient_registry_service_pb2_grpc import PatientRegistryServiceServicer
from carnet_platform.clock import Clock
from carnet_platform.identifiers import check_request_id

from carnet_identity.api import mapping
from carnet_identity.domain.patient import Patient
from carnet_identity.usecases.lookup_patient import LookupPatient
from carnet_identity.usecases.register_patient import RegisterPatient, Registration


class PatientRegistryServicer(PatientRegistryServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, register: RegisterPatient, lookup: LookupPatient, clock: Clock, *, is_production: bool) -> None:
        self._register = register
        self._lookup = lookup
        self._clock = clock
        self._is_production = is_production

    async def RegisterPatient(  # noqa: N802 - the contract's name
        self, request: pb.RegisterPatientRequest, context: grpc.aio.ServicerContext[pb.RegisterPatientRequest, pb.RegisterPatientResponse]
    ) -> pb.RegisterPatientResponse:
        """Registers a person."""
        del context
        request_id = check_request_id(request.request_id)
        with mapping.refusing():
            said = Registration(
                ins=mapping.ins_from(request.ins, is_production=self._is_production),
                traits=mapping.traits_from(request.traits, today=self._clock.now().date()),
                status=mapping.status_from(request.identity_status),
            )
            answer = await self._register(request_id, request.SerializeToString(deterministic=True), said, _registered)
        return pb.RegisterPatientResponse.FromString(answer)

    async def LookupPatient(  # noqa: N802
        self, request: pb.LookupPatientRequest, context: grpc.aio.ServicerContext[pb.LookupPatientRequest, pb.LookupPatientResponse]
    ) -> pb.LookupPatientResponse:
        """Finds a person by exact INS."""
        del context
        with mapping.refusing():
            patient = await self._lookup(mapping.ins_from(request.ins, is_production=self._is_production))
        return pb.LookupPatientResponse(patient=mapping.patient_to(patient))


def _registered(patient: Patient) -> bytes:
    return pb.RegisterPatientResponse(patient=mapping.patient_to(patient)).SerializeToString(deterministic=True)
