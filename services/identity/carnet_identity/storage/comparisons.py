"""Comparisons before a first access, at rest: sealed, forgotten an hour after they were made.

Promises that a comparison is settled once, and that none of another id or state opens in its place (EnvelopeError, and an alarm).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError, mac
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Session, conflict
from pymongo import DESCENDING

from carnet_identity.domain.first_access import FirstAccess

_COLLECTION = "comparisons"
_OPEN, _SETTLED = 1, 2
_log = structlog.get_logger(__name__)


class ComparisonStore:
    """Collection `comparisons`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._comparisons = collection
        self._sealer = Sealer(keys, _COLLECTION)
        self._key = keys.derive("comparison-about")

    async def insert(self, comparison: FirstAccess) -> None:
        """Stores a new one."""
        # The machine's own clock: the store deletes by its own, which tests do not move.
        row = {"_id": comparison.id, **self._closed(comparison, _OPEN), "kept_from": datetime.now(UTC)}
        await self._comparisons.insert_one({**row, "about": self._about(comparison.professional, comparison.patient)})

    async def find(self, comparison_id: str, session: Session | None = None) -> FirstAccess | None:
        """The comparison of an opaque id; None for one never given or forgotten."""
        found = await self._comparisons.find_one({"_id": comparison_id}, session=session)
        return None if found is None else self._opened(found)

    async def newest(self, professional: str, patient: str) -> FirstAccess | None:
        """The newest comparison by a professional with a person; None where there is none, or none that is kept still."""
        about = {"about": self._about(professional, patient)}
        found = await self._comparisons.find(about).sort("kept_from", DESCENDING).limit(1).to_list(1)
        return self._opened(found[0]) if found else None

    def _about(self, professional: str, patient: str) -> Binary:
        return Binary(mac(self._key, professional.encode(), patient.encode()))

    async def settle(self, session: Session, comparison: FirstAccess) -> None:
        """Stores what was decided; when it was decided meanwhile the transaction runs again and finds that."""
        result = await self._comparisons.update_one(
            {"_id": comparison.id, "revision": _OPEN}, {"$set": self._closed(comparison, _SETTLED)}, session=session
        )
        if result.matched_count != 1:
            raise conflict("the comparison was settled meanwhile")

    def _closed(self, comparison: FirstAccess, revision: int) -> dict[str, Any]:
        content = asdict(comparison)
        for name in ("expire_time", "settle_time"):
            content[name] = content[name] and content[name].isoformat()
        return {"content": Binary(self._sealer.seal(json.dumps(content).encode(), _context(comparison.id, revision))), "revision": revision}

    def _opened(self, row: dict[str, Any]) -> FirstAccess:
        try:
            content = json.loads(self._sealer.unseal(bytes(row["content"]), _context(row["_id"], row["revision"])))
        except EnvelopeError:
            _log.error("comparison.seal_broken", comparison=row["_id"])
            raise
        for name in ("expire_time", "settle_time"):
            content[name] = content[name] and datetime.fromisoformat(content[name])
        return FirstAccess(**{**content, "differences": tuple(content["differences"])})


def _context(comparison_id: str, revision: int) -> Context:
    return Context(_COLLECTION, "content", subject=comparison_id, version=revision)
