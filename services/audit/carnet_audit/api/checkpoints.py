"""carnet.audit.v1.CheckpointService: the log's signed heads, for anybody who may call."""

import grpc
from carnet.audit.v1 import checkpoint_service_pb2 as pb
from carnet.audit.v1.checkpoint_service_pb2_grpc import CheckpointServiceServicer

from carnet_audit.usecases.export_history import ExportHistory


class CheckpointServicer(CheckpointServiceServicer):
    """Gives the newest head."""

    def __init__(self, exporting: ExportHistory) -> None:
        self._exporting = exporting

    async def GetCheckpoint(  # noqa: N802 - the contract's name
        self, request: pb.GetCheckpointRequest, context: grpc.aio.ServicerContext[pb.GetCheckpointRequest, pb.GetCheckpointResponse]
    ) -> pb.GetCheckpointResponse:
        """The newest checkpoint."""
        del request, context
        note, key = await self._exporting.checkpoint()
        return pb.GetCheckpointResponse(checkpoint=note, verifier_key=key)
