"""Tells consent that a mandate changed in which a person takes part, so that it stands in her inbox."""

from __future__ import annotations

from carnet.consent.v1 import mandate_notice_service_pb2 as pb
from carnet.consent.v1 import mandate_notice_service_pb2_grpc as pb_grpc
from carnet_platform.peers import Peer

from carnet_identity.domain.life_news import LifeNews

_PATIENCE_SECONDS = 5.0


class ConsentMandateNews:
    """Implements the port `LifeNewsReader` over `carnet.consent.v1.MandateNoticeService`."""

    def __init__(self, consent: Peer[pb_grpc.MandateNoticeServiceAsyncStub]) -> None:
        self._consent = consent

    async def tell(self, news: LifeNews) -> None:
        """Returns when it is in her inbox; a Refusal otherwise. May be told again."""
        request = pb.TellMandateChangedRequest(request_id=news.request_id, patient=news.patient)
        await self._consent().TellMandateChanged(request, timeout=_PATIENCE_SECONDS)
