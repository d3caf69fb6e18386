"""`carnet.consent.v1.RecordService`: opening a record, asking for it, its holder's switches."""

import grpc
from carnet.consent.v1 import record_service_pb2 as pb

from carnet_consent.api import mapping, record_mapping
from carnet_consent.api.etags import only_for
from carnet_consent.api.record_life import RecordLifeServicer, Verbs
from carnet_consent.api.refusing import refusing
from carnet_consent.domain.default_visibility import DefaultVisibility
from carnet_consent.usecases.acting import acting, writing
from carnet_consent.usecases.hide import UpdateSwitches
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.record_refusals import RecordRefusals
from carnet_consent.usecases.set_default_visibility import SetDefaultVisibility


class RecordServicer(RecordLifeServicer):
    """Parses, asks the use case, maps the answer. What closes, reopens and announces is in `record_life.py`."""

    def __init__(self, verbs: Verbs, read: ReadRecord, update: UpdateSwitches, refusals: RecordRefusals) -> None:
        super().__init__(verbs, refusals)
        self._open, self._read, self._update = verbs.open, read, update
        self._set_visibility = SetDefaultVisibility(update.changes)

    async def OpenRecord(  # noqa: N802 -- the contract's name
        self, request: pb.OpenRecordRequest, context: grpc.aio.ServicerContext[pb.OpenRecordRequest, pb.OpenRecordResponse]
    ) -> pb.OpenRecordResponse:
        """Open a record."""
        del context
        opening, write = mapping.opening(request), writing(request)
        async with refusing(self._refusals, write.acting, ""):
            answer = await self._open(write, opening, lambda opened: pb.OpenRecordResponse(record=record_mapping.record(opened.consent)))
        return pb.OpenRecordResponse.FromString(answer)

    async def LookupRecord(  # noqa: N802
        self, request: pb.LookupRecordRequest, context: grpc.aio.ServicerContext[pb.LookupRecordRequest, pb.LookupRecordResponse]
    ) -> pb.LookupRecordResponse:
        """Tell what the asker finds."""
        del context
        patient, who = mapping.patient_name(request.patient), acting()
        async with refusing(self._refusals, who, ""):
            return record_mapping.found(await self._read.look_up(who, patient))

    async def GetRecord(  # noqa: N802
        self, request: pb.GetRecordRequest, context: grpc.aio.ServicerContext[pb.GetRecordRequest, pb.GetRecordResponse]
    ) -> pb.GetRecordResponse:
        """Tell the holder her record."""
        del context
        record, who = mapping.record_name(request.name, "name"), acting()
        async with refusing(self._refusals, who, record):
            return pb.GetRecordResponse(record=record_mapping.record(await self._read.own(who, record)))

    async def UpdateEmergencySwitches(  # noqa: N802
        self,
        request: pb.UpdateEmergencySwitchesRequest,
        context: grpc.aio.ServicerContext[pb.UpdateEmergencySwitchesRequest, pb.UpdateEmergencySwitchesResponse],
    ) -> pb.UpdateEmergencySwitchesResponse:
        """Set the switches."""
        del context
        record, write = mapping.record_name(request.record, "record"), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._update(
                write,
                record,
                mapping.switches(request.emergency_switches),
                only_for(request.etag),
                lambda updated: pb.UpdateEmergencySwitchesResponse(record=record_mapping.record(updated.consent)),
            )
        return pb.UpdateEmergencySwitchesResponse.FromString(answer)

    async def UpdateDefaultVisibility(  # noqa: N802
        self,
        request: pb.UpdateDefaultVisibilityRequest,
        context: grpc.aio.ServicerContext[pb.UpdateDefaultVisibilityRequest, pb.UpdateDefaultVisibilityResponse],
    ) -> pb.UpdateDefaultVisibilityResponse:
        """Say whether documents to come are masked."""
        del context
        record, write = mapping.record_name(request.record, "record"), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._set_visibility(
                write,
                record,
                DefaultVisibility(request.documents_masked_by_default),
                only_for(request.etag),
                lambda updated: pb.UpdateDefaultVisibilityResponse(record=record_mapping.record(updated.consent)),
            )
        return pb.UpdateDefaultVisibilityResponse.FromString(answer)
