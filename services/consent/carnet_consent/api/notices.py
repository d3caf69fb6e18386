"""`carnet.consent.v1.NoticeService`: what a user is told, and of which of it letters are wanted."""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import grpc
from carnet.consent.v1 import notice_service_pb2 as pb
from carnet.consent.v1.notice_service_pb2_grpc import NoticeServiceServicer
from carnet_platform.envelope import Context, EnvelopeError, seal, unseal
from carnet_platform.errors import InvalidArgument
from carnet_platform.identifiers import parse_name
from carnet_platform.keys import MasterKeys

from carnet_consent.api import mapping
from carnet_consent.api.etags import only_for
from carnet_consent.api.refusing import refusing
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.notice import ALWAYS_MAILED, Channel, NoticeKind
from carnet_consent.domain.notice_preferences import wants_letters
from carnet_consent.storage.notices import Place
from carnet_consent.usecases.acting import acting, writing
from carnet_consent.usecases.prefer import Prefer
from carnet_consent.usecases.read_notices import ReadNotices, ToldNotice
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.record_refusals import RecordRefusals

MOST: Final = 50
"""Notices of a page, or marked at once."""
_LONGEST_TOKEN: Final = 500
_KIND: Final = "NOTICE_KIND_"


class NoticeServicer(NoticeServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, notices: ReadNotices, prefer: Prefer, read: ReadRecord, refusals: RecordRefusals, keys: MasterKeys) -> None:
        self._notices, self._prefer, self._read, self._refusals = notices, prefer, read, refusals
        self._key = keys.derive("notice-page-token")

    async def ListNotices(  # noqa: N802 -- the contract's name
        self, request: pb.ListNoticesRequest, context: grpc.aio.ServicerContext[pb.ListNoticesRequest, pb.ListNoticesResponse]
    ) -> pb.ListNoticesResponse:
        """Tell the user's notices."""
        del context
        who, language = acting(), request.language_code or "fr"
        if not 0 <= request.page_size <= MOST:
            raise InvalidArgument("INVALID_FIELD", f"must be at most {MOST}", field="page_size")
        if language not in self._notices.words:
            raise InvalidArgument("INVALID_FIELD", f"must be one of {', '.join(sorted(self._notices.words))}", field="language_code")
        reader = f"{who.asker.subject} {who.asker.mandate.name if who.asker.mandate else ''}"
        after = self._place(reader, request.page_token) if request.page_token else None
        async with refusing(self._refusals, who, ""):
            page, place = await self._notices.page(
                who, after, request.page_size or MOST, language=language, unread_only=request.unread_only
            )
        token = self._token(reader, place) if place is not None else ""
        return pb.ListNoticesResponse(notices=[_told(one) for one in page], next_page_token=token)

    async def MarkNoticesRead(  # noqa: N802
        self, request: pb.MarkNoticesReadRequest, context: grpc.aio.ServicerContext[pb.MarkNoticesReadRequest, pb.MarkNoticesReadResponse]
    ) -> pb.MarkNoticesReadResponse:
        """Note what was read."""
        del context
        if not 1 <= len(request.names) <= MOST:
            raise InvalidArgument("INVALID_FIELD", f"must be 1 to {MOST}", field="names")
        ids, write = [parse_name(name, "notices/*", "names")[0] for name in request.names], writing(request)
        async with refusing(self._refusals, write.acting, ""):
            await self._notices.mark_read(write, ids)
        return pb.MarkNoticesReadResponse()

    async def GetNoticePreferences(  # noqa: N802
        self,
        request: pb.GetNoticePreferencesRequest,
        context: grpc.aio.ServicerContext[pb.GetNoticePreferencesRequest, pb.GetNoticePreferencesResponse],
    ) -> pb.GetNoticePreferencesResponse:
        """Tell of which kinds letters are wanted."""
        del context
        record, who = mapping.record_name(request.record, "record"), acting()
        async with refusing(self._refusals, who, record):
            consent = await self._read.own(who, record)
        return pb.GetNoticePreferencesResponse(preferences=_preferences(consent), etag=mapping.etag(consent))

    async def UpdateNoticePreferences(  # noqa: N802
        self,
        request: pb.UpdateNoticePreferencesRequest,
        context: grpc.aio.ServicerContext[pb.UpdateNoticePreferencesRequest, pb.UpdateNoticePreferencesResponse],
    ) -> pb.UpdateNoticePreferencesResponse:
        """Change of which kinds letters are wanted."""
        del context
        record, wishes, write = mapping.record_name(request.record, "record"), _wishes(request.preferences), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._prefer(
                write,
                record,
                wishes,
                only_for(request.etag),
                lambda changed: pb.UpdateNoticePreferencesResponse(
                    preferences=_preferences(changed.consent), etag=mapping.etag(changed.consent)
                ),
            )
        return pb.UpdateNoticePreferencesResponse.FromString(answer)

    def _token(self, reader: str, place: Place) -> str:
        time, notice = place
        sealed = seal(self._key, f"{time.isoformat()} {notice}".encode(), _context(reader))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _place(self, reader: str, token: str) -> Place:
        try:
            sealed = base64.b64decode(token[:_LONGEST_TOKEN] + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            time, _, notice = unseal(self._key, sealed, _context(reader)).decode().partition(" ")
            return datetime.fromisoformat(time), notice
        except (EnvelopeError, ValueError, binascii.Error):
            raise InvalidArgument("PAGE_TOKEN_INVALID", "was made for another request", field="page_token") from None


def _told(told: ToldNotice) -> pb.Notice:
    notice = told.notice
    return pb.Notice(
        name=f"notices/{told.kept.id}",
        kind=pb.NoticeKind.Value(f"{_KIND}{notice.kind}"),
        record=notice.record,
        event_time=mapping.timestamp(notice.time),
        event=notice.event,
        text=told.text,
        next_step=told.next_step,
        read=told.kept.is_read,
        actor=notice.actor,
        structure=notice.structure,
        emergency_episode=notice.episode,
    )


def _preferences(consent: Consent) -> list[pb.NoticePreference]:
    pushes = wants_letters(consent, Channel.PUSH)
    return [
        pb.NoticePreference(kind=pb.NoticeKind.Value(f"{_KIND}{kind}"), email=is_on, push=pushes[kind], required=kind in ALWAYS_MAILED)
        for kind, is_on in wants_letters(consent).items()
    ]


def _wishes(preferences: Iterable[pb.NoticePreference]) -> dict[Channel, dict[NoticeKind, bool]]:
    wishes: dict[Channel, dict[NoticeKind, bool]] = {channel: {} for channel in Channel}
    for one in preferences:
        try:
            kind = NoticeKind(pb.NoticeKind.Name(one.kind).removeprefix(_KIND))
        except ValueError:
            raise InvalidArgument("INVALID_FIELD", "each names a kind that is known here", field="preferences") from None
        if kind in wishes[Channel.EMAIL]:
            raise InvalidArgument("INVALID_FIELD", "names each kind at most once", field="preferences")
        wishes[Channel.EMAIL][kind] = one.email
        if one.HasField("push"):
            wishes[Channel.PUSH][kind] = one.push
    if not wishes[Channel.EMAIL]:
        raise InvalidArgument("INVALID_FIELD", "required", field="preferences")
    return wishes


def _context(reader: str) -> Context:
    return Context("page_tokens", "notices", subject=reader)
