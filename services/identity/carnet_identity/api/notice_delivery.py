"""`carnet.identity.v1.NoticeDeliveryService`: letters to a person whom another service wants to tell something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import grpc
from carnet.identity.v1 import notice_delivery_service_pb2 as pb
from carnet.identity.v1.notice_delivery_service_pb2_grpc import NoticeDeliveryServiceServicer
from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name

from carnet_identity.api import mapping
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.contact_channel import ChannelKind
from carnet_identity.domain.notice_letter import Notice, NoticeLetter
from carnet_identity.usecases.deliver_code import CodeFor, DeliverCode
from carnet_identity.usecases.deliver_notice import DeliverNotice

_LETTER, _OUTCOME, _CHANNEL = "NOTICE_LETTER_", "NOTICE_OUTCOME_", "NOTICE_CHANNEL_"


class NoticeDeliveryServicer(NoticeDeliveryServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, deliver: DeliverNotice, send_code: DeliverCode) -> None:
        self._deliver, self._send_code = deliver, send_code

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
                event_time=_time_from(request, "event_time"),
                tells_representatives=request.representatives,
                place_of_care=request.place_of_care,
                channels=frozenset(map(_channel_from, request.channels)) or frozenset(ChannelKind),
            )
        outcome = await self._deliver(asked(request), notice)
        return pb.DeliverNoticeResponse(outcome=pb.NoticeOutcome.Value(f"{_OUTCOME}{outcome.value}"))

    async def DeliverCode(  # noqa: N802
        self, request: pb.DeliverCodeRequest, context: grpc.aio.ServicerContext[pb.DeliverCodeRequest, pb.DeliverCodeResponse]
    ) -> pb.DeliverCodeResponse:
        """Queues the letters with the code."""
        del context
        parse_name(request.patient, "patients/*", "patient")
        with mapping.refusing():
            until = _time_from(request, "expire_time")
        outcome = await self._send_code(asked(request), CodeFor(request.patient, request.code, until))
        return pb.DeliverCodeResponse(outcome=pb.NoticeOutcome.Value(f"{_OUTCOME}{outcome.value}"))


def _letter_from(value: pb.NoticeLetter.ValueType) -> NoticeLetter:
    try:
        return NoticeLetter[pb.NoticeLetter.Name(value).removeprefix(_LETTER)]
    except (KeyError, ValueError):
        raise BrokenRule("letter", "required: a letter that is known here") from None


def _channel_from(value: pb.NoticeChannel.ValueType) -> ChannelKind:
    try:
        return ChannelKind(pb.NoticeChannel.Name(value).removeprefix(_CHANNEL))
    except ValueError:
        raise BrokenRule("channels", "each a channel that is known here") from None


def _time_from(request: pb.DeliverNoticeRequest | pb.DeliverCodeRequest, field: Literal["event_time", "expire_time"]) -> datetime:
    if field not in {told.name for told, _ in request.ListFields()}:
        raise BrokenRule(field, "required")
    try:
        instant: datetime = getattr(request, field).ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise BrokenRule(field, "must be an instant") from None
    return instant
