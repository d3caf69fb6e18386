"""Tells consent that documents were added: who hears of it is decided there."""

from carnet.consent.v1 import access_explanation_service_pb2 as facts_pb
from carnet.consent.v1 import document_notice_service_pb2 as pb
from carnet.consent.v1 import document_notice_service_pb2_grpc as pb_grpc
from carnet_platform.peers import Peer
from google.protobuf.timestamp_pb2 import Timestamp

from carnet_documents.domain.addition import Addition, Batch

_PATIENCE_SECONDS = 5.0
_AUTHOR = "professionals/"


class DocumentNotices:
    """Implements the port ``Told`` over `carnet.consent.v1.DocumentNoticeService`."""

    def __init__(self, peer: "Peer[pb_grpc.DocumentNoticeServiceAsyncStub]") -> None:
        self._peer = peer

    async def tell(self, batch: Batch) -> None:
        """Return when consent has it; a Refusal otherwise. May be told again."""
        request = pb.TellDocumentsAddedRequest(
            request_id=batch.request_id, record=f"records/{batch.record}", documents=[_added(one) for one in batch.additions]
        )
        await self._peer().TellDocumentsAdded(request, timeout=_PATIENCE_SECONDS)


def _added(addition: Addition) -> pb.AddedDocument:
    deposit_time = Timestamp()
    deposit_time.FromDatetime(addition.time)
    facts = facts_pb.DocumentFacts(
        name=f"records/{addition.record}/documents/{addition.document}",
        document_class=addition.class_code,
        document_type=addition.type_code,
        visibilities=addition.labels,
        depositor=addition.depositor if addition.depositor.startswith(_AUTHOR) else "",
        structure=addition.structure,
    )
    return pb.AddedDocument(document=facts, depositor=addition.depositor, deposit_time=deposit_time)
