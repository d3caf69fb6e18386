"""Tells consent of persons whose death was stated or taken back, until it has learnt that. Runs as long as the process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from carnet_platform.errors import Refusal, Unavailable
from carnet_platform.mongo import Session as StoreSession
from pymongo.errors import PyMongoError

from carnet_identity.domain.life_news import LifeNews

_log = structlog.get_logger(__name__)


class LifeNewsDue(Protocol):
    """Where news waits."""

    async def add(self, patient: str, within: StoreSession) -> None:
        """Note news of a person in the transaction that makes it."""
        ...

    async def some(self, limit: int = 100) -> Sequence[LifeNews]:
        """Some that are due."""
        ...

    async def done(self, news: LifeNews) -> None:
        """Consent has it."""
        ...

    async def put_back(self, news: LifeNews) -> None:
        """Consent refused it: it stays due, behind the others."""
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
        while True:
            try:
                await self.once()
            except PyMongoError as error:
                _log.warning("life_news.waiting", kind=type(error).__name__)
            await asyncio.sleep(self._every.total_seconds())

    async def once(self) -> int:
        """Tells what is due; gives how much consent learnt. A consent that does not answer leaves the rest for the next look."""
        told = 0
        for news in await self._due.some():
            try:
                await self._reader.tell(news)
            except Unavailable:
                return told
            except Refusal as refusal:
                _log.error("life_news.refused", patient=news.patient, reason=refusal.reason)
                await self._due.put_back(news)
                continue
            await self._due.done(news)
            told += 1
        return told
