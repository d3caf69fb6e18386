"""`carnet.identity.v1.PatientReferenceService`: what other services may ask about a person they know by opaque name."""

from __future__ import annotations

import grpc
from carnet.identity.v1 import patient_reference_service_pb2 as pb
from carnet.identity.v1.patient_reference_service_pb2_grpc import PatientReferenceServiceServicer
from carnet_platform.identifiers import parse_name

from carnet_identity.api import mapping
from carnet_identity.usecases.refer_to_patient import ReferToPatient


class PatientReferenceServicer(PatientReferenceServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, refer: ReferToPatient) -> None:
        self._refer = refer

    async def GetIdentityStatus(  # noqa: N802 - the contract's name
        self,
        request: pb.GetIdentityStatusRequest,
        context: grpc.aio.ServicerContext[pb.GetIdentityStatusRequest, pb.GetIdentityStatusResponse],
    ) -> pb.GetIdentityStatusResponse:
        """How far a person's identity was verified, whether she lives, in which departement."""
        del context
        (patient_id,) = parse_name(request.patient, "patients/*", "patient")
        if request.professional:
            parse_name(request.professional, "professionals/*", "professional")
        standing = await self._refer.standing(patient_id, request.professional)
        return mapping.standing_to(standing)

    async def MatchPatient(  # noqa: N802
        self, request: pb.MatchPatientRequest, context: grpc.aio.ServicerContext[pb.MatchPatientRequest, pb.MatchPatientResponse]
    ) -> pb.MatchPatientResponse:
        """Compares a document's header with a person."""
        del context
        (patient_id,) = parse_name(request.patient, "patients/*", "patient")
        header_ins = (request.ins.value, request.ins.authority) if request.HasField("ins") else None
        return mapping.comparison_to(*await self._refer.match(patient_id, mapping.raw_traits_from(request.traits), header_ins))
