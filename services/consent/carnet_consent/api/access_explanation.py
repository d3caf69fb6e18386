"""`carnet.consent.v1.AccessExplanationService`: who may read what, and why."""

from datetime import timedelta

import grpc
from carnet.consent.v1 import access_explanation_service_pb2 as pb
from carnet.consent.v1.access_explanation_service_pb2_grpc import AccessExplanationServiceServicer

from carnet_consent.api import explaining, mapping, previewing
from carnet_consent.api.refusing import refusing
from carnet_consent.usecases.acting import acting
from carnet_consent.usecases.explain_decision import ExplainDecision
from carnet_consent.usecases.preview_change import PreviewChange
from carnet_consent.usecases.record_refusals import RecordRefusals
from carnet_consent.usecases.who_can_read import WhoCanRead


class AccessExplanationServicer(AccessExplanationServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(
        self, explain: ExplainDecision, who_can_read: WhoCanRead, preview: PreviewChange, refusals: RecordRefusals, history_kept: timedelta
    ) -> None:
        self._explain, self._who_can_read, self._preview = explain, who_can_read, preview
        self._refusals, self._history_kept = refusals, history_kept

    async def ExplainDecision(  # noqa: N802 -- the contract's name
        self,
        request: pb.ExplainDecisionRequest,
        context: grpc.aio.ServicerContext[pb.ExplainDecisionRequest, pb.ExplainDecisionResponse],
    ) -> pb.ExplainDecisionResponse:
        """Explain why somebody may or may not read."""
        del context
        record, reader = mapping.record_name(request.record, "record"), explaining.reader(request.reader)
        document = explaining.document(request.document, record, "document") if request.HasField("document") else None
        instant = mapping.instant(request.time, "time") if request.HasField("time") else None
        who = acting()
        async with refusing(self._refusals, who, record):
            return explaining.explained(await self._explain(who, record, reader, document, instant), self._history_kept)

    async def WhoCanRead(  # noqa: N802
        self, request: pb.WhoCanReadRequest, context: grpc.aio.ServicerContext[pb.WhoCanReadRequest, pb.WhoCanReadResponse]
    ) -> pb.WhoCanReadResponse:
        """Tell who reads a document, and who does not."""
        del context
        record = mapping.record_name(request.record, "record")
        document, who = explaining.document(request.document, record, "document"), acting()
        async with refusing(self._refusals, who, record):
            return explaining.readers(await self._who_can_read(who, record, document))

    async def PreviewChange(  # noqa: N802
        self, request: pb.PreviewChangeRequest, context: grpc.aio.ServicerContext[pb.PreviewChangeRequest, pb.PreviewChangeResponse]
    ) -> pb.PreviewChangeResponse:
        """Tell what a change would alter."""
        del context
        record = mapping.record_name(request.record, "record")
        proposal, documents = previewing.proposal(request, record), previewing.documents(request.documents, record)
        links, who = previewing.links(request.links, documents), acting()
        async with refusing(self._refusals, who, record):
            return previewing.previewed(await self._preview(who, record, proposal, documents, links))
