"""Puts notices together, for main: where they are kept, who queues them, and the job that has their letters written."""

import asyncio
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Protocol, Self

from carnet.consent.v1 import document_notice_service_pb2_grpc as document_grpc
from carnet.consent.v1 import mandate_notice_service_pb2_grpc as mandate_grpc
from carnet.consent.v1 import notice_service_pb2_grpc as notice_grpc
from carnet_platform.clock import Clock
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Database
from carnet_platform.server import Served
from carnet_platform.settings import SettingsError

from carnet_consent.api.document_notices import DocumentNoticeServicer
from carnet_consent.api.mandate_notices import MandateNoticeServicer
from carnet_consent.api.notices import NoticeServicer
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.notice_words import BrokenWordsError, Words, read_words
from carnet_consent.notice_settings import NoticeSettings
from carnet_consent.storage.notices import Notices
from carnet_consent.usecases.change import Changes
from carnet_consent.usecases.deliver_notices import DeliverNotices, Letters, Patience
from carnet_consent.usecases.mandates import Mandates, StandingMandates
from carnet_consent.usecases.note_accesses import NoteAccesses
from carnet_consent.usecases.prefer import Prefer
from carnet_consent.usecases.read_notices import Names, ReadNotices
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.record_refusals import RecordRefusals
from carnet_consent.usecases.tell import Tell
from carnet_consent.usecases.tell_additions import TellAdditions
from carnet_consent.usecases.tell_mandate import TellMandate

LANGUAGES = ("fr", "en")


class Identity(Mandates, Names, Protocol):
    """What notices ask of identity."""


@dataclass(frozen=True)
class Telling:
    """All of it."""

    notices: Notices
    tell: Tell
    accesses: NoteAccesses
    clock: Clock
    patience: Patience
    woken: asyncio.Event
    words: Mapping[str, Words]
    documents_every: timedelta

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys, clock: Clock, settings: NoticeSettings) -> Self:
        """Over the open collection."""
        notices, woken = await Notices.open(database, keys, settings.notices_kept), asyncio.Event()
        patience = Patience(
            every=settings.notice_every,
            taken_for=settings.notice_timeout * 2,
            attempts=settings.notice_attempts,
            tried_for=settings.notice_tried_for,
            late_after=settings.notice_late_after,
            at_once=settings.notices_at_once,
        )
        accesses = NoteAccesses(notices, clock, woken, settings.notice_every)
        every = settings.documents_told_every
        return cls(notices, Tell(notices, clock, woken), accesses, clock, patience, woken, newest_words(), every)

    def delivering(self, letters: Letters) -> DeliverNotices:
        """The job that delivers, to whoever writes letters."""
        return DeliverNotices(notices=self.notices, letters=letters, clock=self.clock, patience=self.patience, woken=self.woken)

    def served(self, changes: Changes, read: ReadRecord, identity: Identity, refusals: RecordRefusals, keys: MasterKeys) -> Served:
        """The inbox."""
        mandates = StandingMandates(identity)
        notices = ReadNotices(self.notices, read.batch, changes, mandates, identity, self.words, self.clock)
        servicer = NoticeServicer(notices, Prefer(changes), read, refusals, keys)
        return Served("carnet.consent.v1.NoticeService", notice_grpc.add_NoticeServiceServicer_to_server, servicer)

    def documents(self, changes: Changes, tables: Habilitation) -> Served:
        """How the service of documents says that some were added."""
        servicer = DocumentNoticeServicer(TellAdditions(changes, self.notices, tables, self.documents_every, self.woken))
        return Served("carnet.consent.v1.DocumentNoticeService", document_grpc.add_DocumentNoticeServiceServicer_to_server, servicer)

    def mandates(self) -> Served:
        """How identity says that a mandate changed."""
        servicer = MandateNoticeServicer(TellMandate(self.notices, self.clock))
        return Served("carnet.consent.v1.MandateNoticeService", mandate_grpc.add_MandateNoticeServiceServicer_to_server, servicer)


def newest_words() -> dict[str, Words]:
    """The newest words delivered, by language. Raises SettingsError, naming file and place, for what breaks a rule."""
    versions = files("carnet_consent") / "data" / "notices"
    newest = max((one for one in versions.iterdir() if one.is_dir()), key=lambda folder: folder.name)
    found = {}
    for language in LANGUAGES:
        try:
            found[language] = read_words(tomllib.loads((newest / f"{language}.toml").read_text(encoding="utf-8")))
        except (BrokenWordsError, OSError, ValueError) as error:
            raise SettingsError(f"the words of notices cannot be read: {newest.name}/{language}.toml: {error}") from None
    return found
