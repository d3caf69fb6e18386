"""`carnet.consent.v1.EmergencyAccessService`: breaking the glass."""

import grpc
from carnet.consent.v1 import emergency_access_service_pb2 as pb
from carnet.consent.v1.emergency_access_service_pb2_grpc import EmergencyAccessServiceServicer

from carnet_consent.api import mapping
from carnet_consent.api.refusing import refusing
from carnet_consent.usecases.acting import writing
from carnet_consent.usecases.break_glass import BreakGlass
from carnet_consent.usecases.record_refusals import RecordRefusals


class EmergencyAccessServicer(EmergencyAccessServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, break_glass: BreakGlass, refusals: RecordRefusals) -> None:
        self._break_glass, self._refusals = break_glass, refusals

    async def BreakGlass(  # noqa: N802 -- the contract's name
        self, request: pb.BreakGlassRequest, context: grpc.aio.ServicerContext[pb.BreakGlassRequest, pb.BreakGlassResponse]
    ) -> pb.BreakGlassResponse:
        """Open an episode, or join the open one."""
        del context
        record, write = mapping.record_name(request.record, "record"), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._break_glass.begin(
                write,
                record,
                mapping.emergency(request),
                lambda opened: pb.BreakGlassResponse(episode=mapping.episode(opened.result, record)),
            )
        return pb.BreakGlassResponse.FromString(answer)

    async def EndEmergencyAccess(  # noqa: N802
        self,
        request: pb.EndEmergencyAccessRequest,
        context: grpc.aio.ServicerContext[pb.EndEmergencyAccessRequest, pb.EndEmergencyAccessResponse],
    ) -> pb.EndEmergencyAccessResponse:
        """End the user's own episode."""
        del context
        record, episode_id = mapping.child_name(request.name, "emergencyEpisodes", "name")
        write = writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._break_glass.end(
                write, record, episode_id, lambda ended: pb.EndEmergencyAccessResponse(episode=mapping.episode(ended.result, record))
            )
        return pb.EndEmergencyAccessResponse.FromString(answer)
