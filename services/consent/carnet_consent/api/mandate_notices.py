"""`carnet.consent.v1.MandateNoticeService`: how identity says that a mandate changed."""

import grpc
from carnet.consent.v1 import mandate_notice_service_pb2 as pb
from carnet.consent.v1.mandate_notice_service_pb2_grpc import MandateNoticeServiceServicer
from carnet_platform.idempotency import asked

from carnet_consent.api import mapping
from carnet_consent.usecases.tell_mandate import TellMandate


class MandateNoticeServicer(MandateNoticeServiceServicer):
    """Parses, asks the use case."""

    def __init__(self, tell: TellMandate) -> None:
        self._tell = tell

    async def TellMandateChanged(  # noqa: N802 -- the contract's name
        self,
        request: pb.TellMandateChangedRequest,
        context: grpc.aio.ServicerContext[pb.TellMandateChangedRequest, pb.TellMandateChangedResponse],
    ) -> pb.TellMandateChangedResponse:
        """Tell one person."""
        del context
        await self._tell(asked(request).request_id, mapping.patient_name(request.patient))
        return pb.TellMandateChangedResponse()
