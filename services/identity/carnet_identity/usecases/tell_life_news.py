"""Tells consent of persons whose death was stated or taken back, until it has learnt that. Runs as long as the process lives.

And, by another queue and another client, of persons in whose mandates something changed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import structlog
from carnet_platform.errors import Refusal
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.life_news import LifeNews
from carnet_identity.usecases.telling import Waiting, again_and_again, tell_what_is_due

_log = structlog.get_logger(__name__)


class LifeNewsDue(Waiting[LifeNews], Protocol):
    """Where news waits."""

    async def add(self, patient: str, within: StoreSession) -> None:
        """Note news of a person in the transaction that makes it."""
        ...


class LifeNewsReader(Protocol):
    """Who is told."""

    async def tell(self, news: LifeNews) -> None:
        """Returns when it was learnt; repeatable; Unavailable otherwise."""
        ...


class TellLifeNews:
    """The background job."""

    def __init__(self, due: LifeNewsDue, reader: LifeNewsReader, every: timedelta) -> None:
        self._due = due
        self._reader = reader
        self._every = every

    async def run(self) -> None:
        """Looks again and again."""
        await again_and_again(self.once, self._every, lambda error: _log.warning("life_news.waiting", kind=type(error).__name__))

    async def once(self) -> int:
        """Tells what is due; gives how much consent learnt."""
        return await tell_what_is_due(self._due, self._reader.tell, _refused)


def _refused(news: LifeNews, refusal: Refusal) -> None:
    _log.error("life_news.refused", patient=news.patient, reason=refusal.reason)
