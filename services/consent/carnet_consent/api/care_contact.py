"""`carnet.consent.v1.CareContactService`: a structure's word that a patient is in its care now."""

from datetime import datetime

import grpc
from carnet.consent.v1 import care_contact_service_pb2 as pb
from carnet.consent.v1.care_contact_service_pb2_grpc import CareContactServiceServicer

from carnet_consent.api import mapping
from carnet_consent.api.refusing import refusing
from carnet_consent.usecases.acting import writing
from carnet_consent.usecases.present_contact import PresentContact
from carnet_consent.usecases.record_refusals import RecordRefusals


class CareContactServicer(CareContactServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, present: PresentContact, refusals: RecordRefusals) -> None:
        self._present, self._refusals = present, refusals

    async def PresentCareContact(  # noqa: N802 -- the contract's name
        self,
        request: pb.PresentCareContactRequest,
        context: grpc.aio.ServicerContext[pb.PresentCareContactRequest, pb.PresentCareContactResponse],
    ) -> pb.PresentCareContactResponse:
        """Note a care contact."""
        del context
        patient, write = mapping.patient_name(request.patient), writing(request)
        async with refusing(self._refusals, write.acting, ""):
            answer = await self._present(write, patient, request.token, _noted)
        return pb.PresentCareContactResponse.FromString(answer)


def _noted(until: datetime) -> pb.PresentCareContactResponse:
    return pb.PresentCareContactResponse(expire_time=mapping.timestamp(until))
