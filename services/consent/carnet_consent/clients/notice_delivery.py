"""Asks identity to write letters: it alone knows addresses, so none comes through here."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import TypeVar

from carnet.identity.v1 import notice_delivery_service_pb2 as pb
from carnet.identity.v1 import notice_delivery_service_pb2_grpc as pb_grpc
from carnet_platform.errors import Unavailable
from carnet_platform.peers import Peer
from google.protobuf.timestamp_pb2 import Timestamp

from carnet_consent.domain.letter_queue import Delivery, QueuedNotice

T = TypeVar("T")


class LetterWriter:
    """Implements the port `Letters` of the use case that delivers, and `CodeLetters` of the one that asks for a destruction."""

    def __init__(self, peer: "Peer[pb_grpc.NoticeDeliveryServiceAsyncStub]", timeout: timedelta) -> None:
        self._peer, self._timeout = peer, timeout

    async def write(self, queued: QueuedNotice) -> Delivery:
        """Hand one over; it is durable there when this returns. Raises Unavailable without an answer, Refusal when it is refused."""
        notice, event_time = queued.notice, Timestamp()
        event_time.FromDatetime(notice.time)
        request = pb.DeliverNoticeRequest(
            request_id=queued.request_id,
            patient=notice.recipient,
            letter=pb.NoticeLetter.Value(f"NOTICE_LETTER_{notice.letter}"),
            event_time=event_time,
            representatives=notice.tells_representatives,
            place_of_care=notice.place,
            channels=[pb.NoticeChannel.Value(f"NOTICE_CHANNEL_{channel}") for channel in notice.channels],
        )
        answer = await self._in_time(self._peer().DeliverNotice(request))
        return Delivery.DELIVERED if answer.outcome == pb.NOTICE_OUTCOME_QUEUED else Delivery.NO_ADDRESS

    async def send_code(self, request_id: str, patient: str, code: str, expire_time: datetime) -> bool:
        """Send a code to a person's verified addresses; whether she has any. Durable there when this returns; raises as `write`."""
        until = Timestamp()
        until.FromDatetime(expire_time)
        request = pb.DeliverCodeRequest(request_id=request_id, patient=patient, code=code, expire_time=until)
        return (await self._in_time(self._peer().DeliverCode(request))).outcome == pb.NOTICE_OUTCOME_QUEUED

    async def _in_time(self, answering: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await answering
        except TimeoutError:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "identity does not answer", retry_after=timedelta(seconds=1)) from None
