"""Tells consent that something new is known of a person."""

from __future__ import annotations

from carnet.consent.v1 import person_status_service_pb2 as pb
from carnet.consent.v1 import person_status_service_pb2_grpc as pb_grpc
from carnet_platform.peers import Peer

from carnet_identity.domain.life_news import LifeNews

_PATIENCE_SECONDS = 5.0


class ConsentLifeNews:
    """Implements the port `LifeNewsReader` over `carnet.consent.v1.PersonStatusService`."""

    def __init__(self, consent: Peer[pb_grpc.PersonStatusServiceAsyncStub]) -> None:
        self._consent = consent

    async def tell(self, news: LifeNews) -> None:
        """Returns when consent has asked what is true and changed the record; a Refusal otherwise. May be told again."""
        request = pb.RefreshPersonStatusRequest(request_id=news.request_id, patient=news.patient)
        await self._consent().RefreshPersonStatus(request, timeout=_PATIENCE_SECONDS)
