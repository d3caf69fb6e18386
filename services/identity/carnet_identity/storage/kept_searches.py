"""Searches kept for a quarter of an hour, sealed, so that the professional can say who was meant.

They are held lightly: written in groups, without waiting for a majority. One that is lost, edited or over is as one that was never made,
and the search is made again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError
from carnet_platform.gathering import Gathering
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection
from pymongo import WriteConcern
from pymongo.read_concern import ReadConcern

from carnet_identity.domain.patient_search import KeptSearch

_COLLECTION: Final = "patient_searches"
_log = structlog.get_logger(__name__)


class KeptSearches:
    """Collection `patient_searches`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._searches = collection.with_options(write_concern=WriteConcern(1), read_concern=ReadConcern("local"))
        self._sealer = Sealer(keys, _COLLECTION)
        self._gathering = Gathering[Mapping[str, Any], bool](self._insert)

    async def keep(self, search: KeptSearch) -> None:
        """Keep one until it has expired; the store forgets it by its own clock."""
        content = json.dumps([search.professional, search.patients, search.expire_time.isoformat()]).encode()
        sealed = Binary(self._sealer.seal(content, _context(search.id)))
        # The machine's own clock: the store deletes by its own, which tests do not move.
        await self._gathering.ask(search.id, {"_id": search.id, "content": sealed, "kept_from": datetime.now(UTC)})

    async def find(self, search_id: str) -> KeptSearch | None:
        """The search of an id; None for one never made, forgotten or not believed. Whether it is over is the caller's to see."""
        row = await self._searches.find_one({"_id": search_id})
        if row is None:
            return None
        try:
            professional, patients, expire_time = json.loads(self._sealer.unseal(bytes(row["content"]), _context(search_id)))
        except EnvelopeError:
            _log.error("patient_search.seal_broken", search=search_id)
            return None
        expires = datetime.fromisoformat(expire_time)
        return KeptSearch(id=search_id, professional=professional, patients=tuple(patients), expire_time=expires)

    async def _insert(self, rows: Mapping[str, Mapping[str, Any]]) -> Mapping[str, bool]:
        await self._searches.insert_many([dict(row) for row in rows.values()], ordered=False)
        return dict.fromkeys(rows, True)


def _context(search_id: str) -> Context:
    return Context(_COLLECTION, "content", subject=search_id)
