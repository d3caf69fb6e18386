"""`carnet.consent.v1.AccessDecisionService`: the access decision."""

from datetime import timedelta

import grpc
from carnet.consent.v1 import access_decision_service_pb2 as pb
from carnet.consent.v1.access_decision_service_pb2_grpc import AccessDecisionServiceServicer

from carnet_consent.api import mapping
from carnet_consent.usecases.acting import acting
from carnet_consent.usecases.decide import Decide


class AccessDecisionServicer(AccessDecisionServiceServicer):
    """Parses, decides, maps. A denial is an answer; an error means that nothing is decided."""

    def __init__(self, decide: Decide, usable_for: timedelta) -> None:
        self._decide, self._usable_for = decide, usable_for

    async def Decide(  # noqa: N802 -- the contract's name
        self, request: pb.DecideRequest, context: grpc.aio.ServicerContext[pb.DecideRequest, pb.DecideResponse]
    ) -> pb.DecideResponse:
        """Decide once."""
        del context
        record = mapping.record_name(request.record, "record")
        decided = await self._decide(acting(), record, mapping.purpose(request), mapping.action(request))
        return mapping.decision(decided, record, self._decide.habilitation.version, self._usable_for)
