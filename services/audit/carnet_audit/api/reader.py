"""carnet.audit.v1.AuditReaderService: the person's history and its proofs."""

from collections.abc import AsyncIterator

import grpc
from carnet.audit.v1 import audit_reader_service_pb2 as pb
from carnet.audit.v1.audit_reader_service_pb2_grpc import AuditReaderServiceServicer

from carnet_audit.api import mapping
from carnet_audit.usecases.export_history import ExportHistory
from carnet_audit.usecases.read_history import ReadHistory


class AuditReaderServicer(AuditReaderServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, reading: ReadHistory, exporting: ExportHistory) -> None:
        self._reading, self._exporting = reading, exporting

    async def ListAccessHistory(  # noqa: N802 - the contract's name
        self,
        request: pb.ListAccessHistoryRequest,
        context: grpc.aio.ServicerContext[pb.ListAccessHistoryRequest, pb.ListAccessHistoryResponse],
    ) -> pb.ListAccessHistoryResponse:
        """A page of the history in words."""
        del context
        size, language = mapping.page_size_from(request.page_size), mapping.language_from(request.language_code)
        return mapping.page_to(await self._reading.read(mapping.record_from(request.record), size, request.page_token, language))

    async def ExportAccessHistory(  # noqa: N802
        self,
        request: pb.ExportAccessHistoryRequest,
        context: grpc.aio.ServicerContext[pb.ExportAccessHistoryRequest, pb.ExportAccessHistoryResponse],
    ) -> AsyncIterator[pb.ExportAccessHistoryResponse]:
        """The file with the proofs."""
        del context
        language = mapping.language_from(request.language_code)
        async for chunk in self._exporting.export(mapping.record_from(request.record), language):
            yield pb.ExportAccessHistoryResponse(chunk=chunk)
