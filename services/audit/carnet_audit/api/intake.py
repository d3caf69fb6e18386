"""carnet.audit.v1.AuditService: what services record. The service that calls is the producer; no field of a request can say another."""

import grpc
from carnet.audit.v1 import audit_service_pb2 as pb
from carnet.audit.v1.audit_service_pb2_grpc import AuditServiceServicer
from carnet_platform.calls import current_call

from carnet_audit.api import mapping
from carnet_audit.usecases.take_in import TakeIn


class AuditServicer(AuditServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, intake: TakeIn) -> None:
        self._intake = intake

    async def RegisterStream(  # noqa: N802 - the contract's name
        self, request: pb.RegisterStreamRequest, context: grpc.aio.ServicerContext[pb.RegisterStreamRequest, pb.RegisterStreamResponse]
    ) -> pb.RegisterStreamResponse:
        """Makes a stream known."""
        del context
        stream = mapping.stream_from(request.stream)
        return pb.RegisterStreamResponse(next_seq=await self._intake.register(_service(), stream, request.public_key))

    async def AppendBatches(  # noqa: N802
        self, request: pb.AppendBatchesRequest, context: grpc.aio.ServicerContext[pb.AppendBatchesRequest, pb.AppendBatchesResponse]
    ) -> pb.AppendBatchesResponse:
        """Appends batches of a stream."""
        del context
        stream = mapping.stream_from(request.stream)
        next_seq = await self._intake.append(_service(), stream, mapping.batches_from(stream, request))
        return pb.AppendBatchesResponse(next_seq=next_seq)

    async def AppendChanges(  # noqa: N802
        self, request: pb.AppendChangesRequest, context: grpc.aio.ServicerContext[pb.AppendChangesRequest, pb.AppendChangesResponse]
    ) -> pb.AppendChangesResponse:
        """Appends changes of subjects."""
        del context
        changes = mapping.changes_from(request)
        if changes:
            await self._intake.change(_service(), changes)
        return pb.AppendChangesResponse()


def _service() -> str:
    return current_call().caller.name.rpartition("/")[2]
