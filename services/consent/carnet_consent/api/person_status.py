"""`carnet.consent.v1.PersonStatusService`: how identity says that it knows something new of a person."""

import grpc
from carnet.consent.v1 import person_status_service_pb2 as pb
from carnet.consent.v1.person_status_service_pb2_grpc import PersonStatusServiceServicer
from carnet_platform.idempotency import asked

from carnet_consent.api import mapping
from carnet_consent.api.refusing import as_refusal
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.usecases.note_person import NotePerson


class PersonStatusServicer(PersonStatusServiceServicer):
    """Parses, asks the use case. Nobody's history tells a refusal: no user asks."""

    def __init__(self, note: NotePerson) -> None:
        self._note = note

    async def RefreshPersonStatus(  # noqa: N802 -- the contract's name
        self,
        request: pb.RefreshPersonStatusRequest,
        context: grpc.aio.ServicerContext[pb.RefreshPersonStatusRequest, pb.RefreshPersonStatusResponse],
    ) -> pb.RefreshPersonStatusResponse:
        """Ask identity what is true now, and change the person's record accordingly."""
        del context
        asked(request)
        try:
            await self._note(mapping.patient_name(request.patient))
        except RuleBrokenError as broken:
            raise as_refusal(broken) from None
        return pb.RefreshPersonStatusResponse()
