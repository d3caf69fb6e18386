"""Places of care that a person hides from those who act for her: one sealed row a person, under a blind name.

Everybody who was ever asked about has the same kind of row or none, and its length does not tell how many places it holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError, mac
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Session, conflict
from pymongo.errors import DuplicateKeyError

from carnet_identity.storage.mandate_rows import padded

_COLLECTION = "hidden_places"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HiddenPlaces:
    """What one person hides."""

    name: str
    """`hiddenPlaces/{blind}`: what its changes are counted under."""
    structures: tuple[str, ...]
    """`structures/{structure}`, sorted."""
    revision: int
    """0 before the first change."""


class HiddenPlaceStore:
    """Collection `hidden_places`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._places = collection
        self._sealer = Sealer(keys, _COLLECTION)
        self._key = keys.derive("hidden-places-index")

    async def of(self, holder: str, session: Session | None = None) -> HiddenPlaces:
        """What a person (`patients/{patient}`) hides; nothing where she never said so."""
        blind = self._blind(holder)
        found = await self._places.find_one({"_id": blind}, session=session)
        if found is None:
            return HiddenPlaces(f"hiddenPlaces/{blind}", (), 0)
        try:
            content = json.loads(self._sealer.unseal(bytes(found["content"]), _context(found)))
        except EnvelopeError:
            _log.error("hidden_places.seal_broken")
            raise
        return HiddenPlaces(f"hiddenPlaces/{blind}", tuple(content["structures"]), found["revision"])

    async def put(self, session: Session, holder: str, structures: tuple[str, ...], before: HiddenPlaces) -> HiddenPlaces:
        """Stores the next revision and gives it; when it was changed meanwhile the transaction runs again."""
        row: dict[str, Any] = {"_id": self._blind(holder), "revision": before.revision + 1}
        text = padded(json.dumps({"structures": structures}).encode())
        row["content"] = Binary(self._sealer.seal(text, _context(row)))
        if before.revision == 0:
            try:
                await self._places.insert_one(row, session=session)
            except DuplicateKeyError:
                raise conflict("the hidden places were stated meanwhile") from None
        else:
            result = await self._places.replace_one({"_id": row["_id"], "revision": before.revision}, row, session=session)
            if result.matched_count != 1:
                raise conflict("the hidden places were changed meanwhile")
        return HiddenPlaces(before.name, structures, before.revision + 1)

    def _blind(self, holder: str) -> str:
        return mac(self._key, holder.encode()).hex()


def _context(row: dict[str, Any]) -> Context:
    return Context(_COLLECTION, "content", subject=row["_id"], version=row["revision"])
