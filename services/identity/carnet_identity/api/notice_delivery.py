"""`carnet.identity.v1.NoticeDeliveryService`: letters to a person whom another service wants to tell something."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
from carnet.identity.v1 import notice_delivery_service_pb2 as pb
from carnet.identity.v1.notice_delivery_service_pb2_grpc import NoticeDeliveryServiceServicer
from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name

from carnet_identity.api import mapping
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.notice_letter import Notice, NoticeLetter
from carnet_identity.usecases.deliver_notice import DeliverNotice

_LETTER, _OUTCOME = "NOTICE_LETTER_", "NOTICE_OUTCOME_"


class NoticeDeliveryServicer(NoticeDeliveryServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, deliver: DeliverNotice) -> None:
        self._deliver = deliver

    async def DeliverNotice(  # noqa: N802 - the contract's name
        self, request: pb.DeliverNoticeRequest, context: grpc.aio.ServicerContext[pb.DeliverNoticeRequest, pb.DeliverNoticeResponse]
    ) -> pb.DeliverNoticeResponse:
        """Queues the letters."""
        del context
        parse_name(request.patient, "patients/*", "patient")
        if request.place_of_care:
            parse_name(request.place_of_care, "structures/*", "place_of_care")
        with mapping.refusing():
            notice = Notice(
                patient=request.patient,
                letter=_letter_from(request.letter),
                event_time=_time_from(request),
                tells_representatives=request.representatives,
                place_of_care=request.place_of_care,
            )
        outcome = await self._deliver(asked(request), notice)
        return pb.DeliverNoticeResponse(outcome=pb.NoticeOutcome.Value(f"{_OUTCOME}{outcome.value}"))


def _letter_from(value: pb.NoticeLetter.ValueType) -> NoticeLetter:
    try:
        return NoticeLetter[pb.NoticeLetter.Name(value).removeprefix(_LETTER)]
    except (KeyError, ValueError):
        raise BrokenRule("letter", "required: a letter that is known here") from None


def _time_from(request: pb.DeliverNoticeRequest) -> datetime:
    if not request.HasField("event_time"):
        raise BrokenRule("event_time", "required")
    try:
        return request.event_time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise BrokenRule("event_time", "must be an instant") from None
