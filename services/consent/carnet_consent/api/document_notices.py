"""`carnet.consent.v1.DocumentNoticeService`: how the service of documents says that some were added."""

from typing import Final

import grpc
from carnet.consent.v1 import document_notice_service_pb2 as pb
from carnet.consent.v1.document_notice_service_pb2_grpc import DocumentNoticeServiceServicer
from carnet_platform.errors import InvalidArgument
from carnet_platform.idempotency import asked

from carnet_consent.api import explaining, mapping
from carnet_consent.api.refusing import as_refusal
from carnet_consent.domain.additions import Addition
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.usecases.tell_additions import TellAdditions

MOST: Final = 200
"""Documents told in one call."""
_DEPOSITORS: Final = ("professionals", "patients", "structures")


class DocumentNoticeServicer(DocumentNoticeServiceServicer):
    """Parses, asks the use case. Nobody's history tells a refusal: no user asks."""

    def __init__(self, tell: TellAdditions) -> None:
        self._tell = tell

    async def TellDocumentsAdded(  # noqa: N802 -- the contract's name
        self,
        request: pb.TellDocumentsAddedRequest,
        context: grpc.aio.ServicerContext[pb.TellDocumentsAddedRequest, pb.TellDocumentsAddedResponse],
    ) -> pb.TellDocumentsAddedResponse:
        """Tell of added documents who may know."""
        del context
        record, asking = mapping.record_name(request.record, "record"), asked(request)
        if not 1 <= len(request.documents) <= MOST:
            raise InvalidArgument("INVALID_FIELD", f"must be 1 to {MOST}", field="documents")
        additions = [_addition(one, record) for one in request.documents]
        if len({one.document.name for one in additions}) != len(additions):
            raise InvalidArgument("INVALID_FIELD", "names each document once", field="documents")
        try:
            await self._tell(asking, record, additions)
        except RuleBrokenError as broken:
            raise as_refusal(broken) from None
        return pb.TellDocumentsAddedResponse()


def _addition(message: pb.AddedDocument, record: str) -> Addition:
    mapping.child_name(message.document.name, "documents", "documents.document.name")
    facts = explaining.document(message.document, record, "documents.document")
    if message.depositor.partition("/")[0] not in _DEPOSITORS:
        raise InvalidArgument("INVALID_FIELD", f"must be one of {', '.join(_DEPOSITORS)}", field="documents.depositor")
    explaining.check_names([message.depositor], "*/*", "documents.depositor")
    return Addition(facts, message.depositor, mapping.instant(message.deposit_time, "documents.deposit_time"))
