"""The life of a record over `carnet.consent.v1.RecordService`: closing, reopening, announced opening."""

from dataclasses import dataclass

import grpc
from carnet.consent.v1 import record_service_pb2 as pb
from carnet.consent.v1.record_service_pb2_grpc import RecordServiceServicer

from carnet_consent.api import mapping, record_mapping
from carnet_consent.api.etags import only_for
from carnet_consent.api.refusing import refusing
from carnet_consent.domain.announcing import Announcement
from carnet_consent.domain.closing import ClosingWish, Renewal
from carnet_consent.usecases.acting import acting, writing
from carnet_consent.usecases.announce_record import AnnounceRecord
from carnet_consent.usecases.close_record import CloseRecord
from carnet_consent.usecases.list_openable import ListOpenable
from carnet_consent.usecases.open_record import OpenRecord
from carnet_consent.usecases.record_refusals import RecordRefusals


@dataclass(frozen=True, slots=True)
class Verbs:
    """What opens, closes and lists records."""

    open: OpenRecord
    announce: AnnounceRecord
    close: CloseRecord
    list_openable: ListOpenable


class RecordLifeServicer(RecordServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, verbs: Verbs, refusals: RecordRefusals) -> None:
        self._verbs, self._refusals = verbs, refusals

    async def CloseRecord(  # noqa: N802 -- the contract's name
        self, request: pb.CloseRecordRequest, context: grpc.aio.ServicerContext[pb.CloseRecordRequest, pb.CloseRecordResponse]
    ) -> pb.CloseRecordResponse:
        """Close a record, or announce that."""
        del context
        record, write, said = mapping.record_name(request.record, "record"), writing(request), request.evidence
        wish = ClosingWish(request.motive_code, request.motive_text, said.form, said.form_version, said.method)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._verbs.close.close(
                write,
                record,
                wish,
                only_for(request.etag),
                lambda closed: pb.CloseRecordResponse(closing=record_mapping.closing(closed.consent), etag=mapping.etag(closed.consent)),
            )
        return pb.CloseRecordResponse.FromString(answer)

    async def OpposeClosing(  # noqa: N802
        self, request: pb.OpposeClosingRequest, context: grpc.aio.ServicerContext[pb.OpposeClosingRequest, pb.OpposeClosingResponse]
    ) -> pb.OpposeClosingResponse:
        """Take an announced closing away."""
        del context
        record, write = mapping.record_name(request.record, "record"), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._verbs.close.oppose(
                write, record, only_for(request.etag), lambda kept: pb.OpposeClosingResponse(etag=mapping.etag(kept.consent))
            )
        return pb.OpposeClosingResponse.FromString(answer)

    async def ReopenRecord(  # noqa: N802
        self, request: pb.ReopenRecordRequest, context: grpc.aio.ServicerContext[pb.ReopenRecordRequest, pb.ReopenRecordResponse]
    ) -> pb.ReopenRecordResponse:
        """Reopen a closed record."""
        del context
        record, write, said = mapping.record_name(request.record, "record"), writing(request), request.evidence
        renewal = Renewal(request.consent_confirmed, said.form, said.form_version, said.method)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._verbs.close.reopen(
                write, record, renewal, only_for(request.etag), lambda opened: pb.ReopenRecordResponse(etag=mapping.etag(opened.consent))
            )
        return pb.ReopenRecordResponse.FromString(answer)

    async def AnnounceRecord(  # noqa: N802
        self, request: pb.AnnounceRecordRequest, context: grpc.aio.ServicerContext[pb.AnnounceRecordRequest, pb.AnnounceRecordResponse]
    ) -> pb.AnnounceRecordResponse:
        """Announce the opening of a record."""
        del context
        patient, write, said = mapping.patient_name(request.patient), writing(request), request.evidence
        announcement = Announcement(patient, said.form, said.form_version, said.method)
        async with refusing(self._refusals, write.acting, ""):
            answer = await self._verbs.announce.announce(
                write,
                announcement,
                lambda announced: record_mapping.announced(announced.consent),
            )
        return pb.AnnounceRecordResponse.FromString(answer)

    async def OpposeOpening(  # noqa: N802
        self, request: pb.OpposeOpeningRequest, context: grpc.aio.ServicerContext[pb.OpposeOpeningRequest, pb.OpposeOpeningResponse]
    ) -> pb.OpposeOpeningResponse:
        """Oppose an announced opening."""
        del context
        record, write = mapping.record_name(request.record, "record"), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._verbs.announce.oppose(
                write, record, only_for(request.etag), lambda kept: pb.OpposeOpeningResponse(etag=mapping.etag(kept.consent))
            )
        return pb.OpposeOpeningResponse.FromString(answer)

    async def ListOpenableRecords(  # noqa: N802
        self,
        request: pb.ListOpenableRecordsRequest,
        context: grpc.aio.ServicerContext[pb.ListOpenableRecordsRequest, pb.ListOpenableRecordsResponse],
    ) -> pb.ListOpenableRecordsResponse:
        """Tell a professional which records he may open."""
        del context
        who = acting()
        async with refusing(self._refusals, who, ""):
            page, token = await self._verbs.list_openable(who, request.page_size, request.page_token)
        return pb.ListOpenableRecordsResponse(openable_records=[record_mapping.openable(one) for one in page], next_page_token=token)
