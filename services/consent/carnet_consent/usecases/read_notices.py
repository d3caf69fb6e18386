"""Tells a user his notices in words, and notes which of them he has read."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from carnet_platform.clock import Clock
from carnet_platform.mongo import Session

from carnet_consent.domain.inbox import Inbox, inbox_of
from carnet_consent.domain.notice import Notice
from carnet_consent.domain.notice_words import Words, in_words
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.notices import KeptNotice, Notices, Place
from carnet_consent.storage.read_batch import ReadBatch
from carnet_consent.usecases.acting import Acting, Write
from carnet_consent.usecases.change import Changes
from carnet_consent.usecases.mandates import StandingMandates


class Names(Protocol):
    """How professionals and structures are called."""

    async def display_names(self, resources: Iterable[str]) -> Mapping[str, str]:
        """Names by resource name, of those that have one and could be asked for."""
        ...


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """A notice as it is told."""

    kept: KeptNotice
    text: str
    next_step: str

    @property
    def notice(self) -> Notice:
        """What it says."""
        return self.kept.notice


@dataclass(frozen=True)
class ReadNotices:
    """The verbs ListNotices and MarkNoticesRead."""

    notices: Notices
    batch: ReadBatch
    changes: Changes
    mandates: StandingMandates
    names: Names
    words: Mapping[str, Words]
    """By language."""
    clock: Clock

    async def page(
        self, acting: Acting, after: Place | None, size: int, *, language: str, unread_only: bool
    ) -> tuple[list[ToldNotice], Place | None]:
        """A page of the user's notices, newest first, and where the next one begins; None after the last."""
        reading, asker = await asyncio.gather(self.batch.read("", acting.fences), self.mandates.now(acting.asker))
        if reading.is_withdrawn:
            raise RuleBrokenError("SESSION_WITHDRAWN", "This session has ended. Log in again.")
        inbox = inbox_of(asker, self.clock.now())
        page, place = await self.notices.page(inbox, after, size, unread_only=unread_only)
        names = await self.names.display_names(_resources(page))
        return [self._told(kept, inbox, names, language) for kept in page], place

    async def mark_read(self, write: Write, ids: Sequence[str]) -> None:
        """Note that the user has read these. Refuses, and notes none, unless each is one that he is told."""
        asker = await self.mandates.now(write.acting.asker)

        async def mark(session: Session, now: datetime) -> bytes:
            if not await self.notices.mark_read(session, inbox_of(asker, now), ids):
                raise RuleBrokenError("NOT_FOUND", "There is no such notice.")
            return b"\x00"

        await self.changes.once(write, mark)

    def _told(self, kept: KeptNotice, inbox: Inbox, names: Mapping[str, str], language: str) -> ToldNotice:
        return ToldNotice(kept, *in_words(inbox.shown(kept.notice), inbox.voice, inbox.reader, names, self.words[language]))


def _resources(page: Iterable[KeptNotice]) -> set[str]:
    found = {name for kept in page for name in (kept.notice.actor, kept.notice.structure, kept.notice.concerned)}
    return {name for name in found if name.startswith(("professionals/", "structures/"))}
