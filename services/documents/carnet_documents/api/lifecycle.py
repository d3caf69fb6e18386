"""carnet.documents.v1.DocumentLifecycleService."""

import grpc
from carnet.documents.v1 import document_lifecycle_service_pb2 as pb
from carnet.documents.v1 import document_lifecycle_service_pb2_grpc as pb_grpc
from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name

from carnet_documents.api.mapping import entry_message
from carnet_documents.usecases.change_mask import ChangeMask, MaskChange


class DocumentLifecycleServicer(pb_grpc.DocumentLifecycleServiceServicer):
    """Changes who may see a document."""

    def __init__(self, change: ChangeMask) -> None:
        self._change = change

    async def MaskDocument(  # noqa: N802  # the contract's name
        self,
        request: pb.MaskDocumentRequest,
        context: grpc.aio.ServicerContext[pb.MaskDocumentRequest, pb.MaskDocumentResponse],
    ) -> pb.MaskDocumentResponse:
        """Hide a document from professionals."""
        del context
        return pb.MaskDocumentResponse(entry=entry_message(await self._change(_change(request, is_masked=True))))

    async def UnmaskDocument(  # noqa: N802  # the contract's name
        self,
        request: pb.UnmaskDocumentRequest,
        context: grpc.aio.ServicerContext[pb.UnmaskDocumentRequest, pb.UnmaskDocumentResponse],
    ) -> pb.UnmaskDocumentResponse:
        """Show it to professionals again."""
        del context
        return pb.UnmaskDocumentResponse(entry=entry_message(await self._change(_change(request, is_masked=False))))


def _change(request: pb.MaskDocumentRequest | pb.UnmaskDocumentRequest, *, is_masked: bool) -> MaskChange:
    record, document = parse_name(request.name, "records/*/documents/*", "name")
    return MaskChange(record, document, is_masked, request.etag, asked(request))
