"""Stores who is told that documents were added to a record, as the service of documents says, once however often it says so.

Within a stretch of time (`CARNET_DOCUMENTS_TOLD_EVERY`) the first documents of a source are told at once; whatever follows is one notice
more, whose letter goes out when the stretch is over. So a thousand deposits of a hospital are two letters, and none goes untold.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from carnet_platform.idempotency import Asked
from carnet_platform.mongo import Session
from google.protobuf.empty_pb2 import Empty

from carnet_consent.domain.additions import Addition, in_the_window, notices_of_additions
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.storage.notices import Notices
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.watch_emergencies import PLATFORM

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TellAdditions:
    """The verb TellDocumentsAdded."""

    changes: Changes
    notices: Notices
    tables: Habilitation
    every: timedelta
    woken: asyncio.Event

    async def __call__(self, asked: Asked, record: str, additions: Sequence[Addition]) -> None:
        """Store the notices. NOT_FOUND and CONSENT_UNREADABLE for a record of which nothing can be told."""

        async def tell(session: Session, consent: Consent, now: datetime) -> None:
            start = now - (now - _BEGIN) % self.every
            for notice in notices_of_additions(additions, consent, self.tables, now):
                if not await self.notices.add(session, [in_the_window(notice, start, is_first=True)], now):
                    await self.notices.add(session, [in_the_window(notice, start, is_first=False)], now, due=start + self.every)

        await self.changes.apply(Write(PLATFORM, asked), record, _unchanged, lambda _: Empty(), also=tell)
        self.woken.set()


def _unchanged(consent: Consent, now: datetime) -> Changed[None]:
    del now
    return Changed(consent, (), None)
