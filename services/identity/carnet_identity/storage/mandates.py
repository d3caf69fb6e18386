"""Mandates at rest: who acts for whom is next to health, so each is one sealed blob, found by blind indexes of holder and mandatary.

Promises that the blob of another mandate, of another revision or under another index does not open in a row's place: an alarm is raised
and nobody is answered (EnvelopeError). When time makes something of a mandate is not stored in clear either, for the day on which a
minor comes of age is her birth date: the background job asks for the blind marks of the days that have come. A row in which nothing is
due, or that fits nobody, has marks of its own, so that neither shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError, mac
from carnet_platform.identifiers import new_id
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Session, causal_session, conflict
from pymongo.errors import DuplicateKeyError

from carnet_identity.domain.mandate import Mandate
from carnet_identity.storage.mandate_rows import read_mandate, write_mandate

_COLLECTION = "mandates"
LOOKED_BACK = timedelta(days=400)
"""What fell due while no process ran for longer than this is found by nobody; dates are checked whenever a mandate is used."""
_log = structlog.get_logger(__name__)


class MandateStore:
    """Collection `mandates`."""

    def __init__(self, collection: Collection, barriers: Collection, keys: MasterKeys) -> None:
        self._mandates = collection
        self._barriers = barriers
        self._sealer = Sealer(keys, _COLLECTION)
        self._key = keys.derive("mandate-index")
        self._process = new_id()

    async def find(self, mandate_id: str, session: Session | None = None) -> Mandate | None:
        """The mandate of an opaque id; None for one never given."""
        found = await self._mandates.find_one({"_id": mandate_id}, session=session)
        return None if found is None else self._opened(found)

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[Session]:
        """A session whose reads are never older than this call: they follow a write that a deposed primary could not make."""
        async with causal_session(self._mandates.database.client) as session:
            await self._barriers.update_one(
                {"_id": self._process}, {"$inc": {"reads": 1}, "$currentDate": {"time": True}}, upsert=True, session=session
            )
            yield session

    async def insert(self, session: Session, mandate: Mandate, due: datetime | None) -> None:
        """Stores a new mandate, at which time next makes something of it."""
        try:
            await self._mandates.insert_one({"_id": mandate.id, **self._closed(mandate, due)}, session=session)
        except DuplicateKeyError:
            raise conflict("the identifier was taken meanwhile") from None

    async def replace(self, session: Session, mandate: Mandate, due: datetime | None) -> Mandate:
        """Stores the next revision and gives it; when the mandate was changed meanwhile the transaction runs again."""
        changed = replace(mandate, revision=mandate.revision + 1)
        result = await self._mandates.update_one(
            {"_id": mandate.id, "revision": mandate.revision}, {"$set": self._closed(changed, due)}, session=session
        )
        if result.matched_count != 1:
            raise conflict("the mandate was changed meanwhile")
        return changed

    async def of_holder(self, holder: str, session: Session | None = None) -> list[Mandate]:
        """Every mandate for this person (`patients/{patient}`), open or not."""
        return [self._opened(found) async for found in self._mandates.find({"holder": self._holder(holder)}, session=session)]

    async def readable_of_holder(self, holder: str, session: Session | None = None) -> list[Mandate]:
        """The same without those that do not open, each with its alarm: for what must be ended though another row is broken."""
        found = [row async for row in self._mandates.find({"holder": self._holder(holder)}, session=session)]
        return [mandate for row in found if (mandate := self._readable(row)) is not None]

    async def of_mandatary(self, mandatary: str, session: Session | None = None) -> list[Mandate]:
        """The mandates of this person for others, without those that do not open, each with its alarm."""
        found = [row async for row in self._mandates.find({"mandatary": self._mandatary(mandatary, "")}, session=session)]
        return [mandate for row in found if (mandate := self._readable(row)) is not None]

    async def due(self, now: datetime) -> AsyncIterator[Mandate]:
        """The mandates of which time may make something by now. One that does not open is passed over, with its alarm."""
        days = [self._due(now - timedelta(days=back)) for back in range(LOOKED_BACK.days)]
        async for found in self._mandates.find({"due": {"$in": days}}):
            mandate = self._readable(found)
            if mandate is not None:
                yield mandate

    def _holder(self, holder: str) -> Binary:
        return Binary(mac(self._key, b"holder", holder.encode()))

    def _mandatary(self, mandatary: str, mandate_id: str) -> Binary:
        parts = (b"mandatary", mandatary.encode()) if mandatary else (b"nobody", mandate_id.encode())
        return Binary(mac(self._key, *parts))

    def _due(self, time: datetime) -> Binary:
        return Binary(mac(self._key, b"due", time.date().isoformat().encode()))

    def _closed(self, mandate: Mandate, due: datetime | None) -> dict[str, Any]:
        fields = {
            "holder": self._holder(mandate.holder),
            "mandatary": self._mandatary(mandate.mandatary, mandate.id),
            "due": self._due(due) if due is not None else Binary(mac(self._key, b"never", mandate.id.encode())),
            "revision": mandate.revision,
        }
        sealed = self._sealer.seal(write_mandate(mandate), _context({"_id": mandate.id, **fields}))
        return {**fields, "content": Binary(sealed)}

    def _readable(self, document: dict[str, Any]) -> Mandate | None:
        try:
            return self._opened(document)
        except EnvelopeError:
            return None

    def _opened(self, document: dict[str, Any]) -> Mandate:
        try:
            return read_mandate(document["_id"], document["revision"], self._sealer.unseal(bytes(document["content"]), _context(document)))
        except EnvelopeError:
            _log.error("mandate.seal_broken", mandate=document["_id"])
            raise


def _context(document: dict[str, Any]) -> Context:
    indexes = b"".join(bytes(document[name]) for name in ("holder", "mandatary", "due"))
    return Context(_COLLECTION, "content", subject=document["_id"], item=indexes.hex(), version=document["revision"])
