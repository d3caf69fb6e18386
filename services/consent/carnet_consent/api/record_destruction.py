"""`carnet.consent.v1.RecordDestructionService`: the destruction of a record, for its holder."""

from datetime import UTC, datetime

import grpc
from carnet.consent.v1 import record_destruction_service_pb2 as pb
from carnet.consent.v1.record_destruction_service_pb2_grpc import RecordDestructionServiceServicer

from carnet_consent.api import mapping
from carnet_consent.api.destruction_mapping import destruction
from carnet_consent.api.etags import only_for
from carnet_consent.api.refusing import refusing
from carnet_consent.usecases.acting import acting, writing
from carnet_consent.usecases.ask_destruction import AskDestruction
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.record_refusals import RecordRefusals


class RecordDestructionServicer(RecordDestructionServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, ask: AskDestruction, read: ReadRecord, refusals: RecordRefusals) -> None:
        self._ask, self._read, self._refusals = ask, read, refusals

    async def RequestDestruction(  # noqa: N802 -- the contract's name
        self,
        request: pb.RequestDestructionRequest,
        context: grpc.aio.ServicerContext[pb.RequestDestructionRequest, pb.RequestDestructionResponse],
    ) -> pb.RequestDestructionResponse:
        """Send a code."""
        del context
        record, write = mapping.record_name(request.record, "record"), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._ask.request(
                write,
                record,
                lambda asked: pb.RequestDestructionResponse(code_expire_time=mapping.timestamp(asked.result)),
                _expiry,
            )
        return pb.RequestDestructionResponse.FromString(answer)

    async def ConfirmDestruction(  # noqa: N802
        self,
        request: pb.ConfirmDestructionRequest,
        context: grpc.aio.ServicerContext[pb.ConfirmDestructionRequest, pb.ConfirmDestructionResponse],
    ) -> pb.ConfirmDestructionResponse:
        """Close the record for the cooling-off."""
        del context
        record, write = mapping.record_name(request.record, "record"), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._ask.confirm(
                write,
                record,
                request.code,
                lambda confirmed: pb.ConfirmDestructionResponse(
                    destruction=destruction(confirmed.consent), etag=mapping.etag(confirmed.consent)
                ),
            )
        return pb.ConfirmDestructionResponse.FromString(answer)

    async def CancelDestruction(  # noqa: N802
        self,
        request: pb.CancelDestructionRequest,
        context: grpc.aio.ServicerContext[pb.CancelDestructionRequest, pb.CancelDestructionResponse],
    ) -> pb.CancelDestructionResponse:
        """Take it back."""
        del context
        record, write = mapping.record_name(request.record, "record"), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._ask.cancel(
                write, record, only_for(request.etag), lambda kept: pb.CancelDestructionResponse(etag=mapping.etag(kept.consent))
            )
        return pb.CancelDestructionResponse.FromString(answer)

    async def GetDestruction(  # noqa: N802
        self, request: pb.GetDestructionRequest, context: grpc.aio.ServicerContext[pb.GetDestructionRequest, pb.GetDestructionResponse]
    ) -> pb.GetDestructionResponse:
        """Tell how it stands."""
        del context
        record, who = mapping.record_name(request.record, "record"), acting()
        async with refusing(self._refusals, who, record):
            return pb.GetDestructionResponse(destruction=destruction(await self._read.held(who, record)))


def _expiry(answer: bytes) -> datetime:
    return pb.RequestDestructionResponse.FromString(answer).code_expire_time.ToDatetime(UTC)
