"""Rows of persons by a blind index of their INS, those of several calls in one round trip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import Binary
from carnet_platform.gathering import Gathering
from carnet_platform.mongo import Collection

_Row = Mapping[str, Any]


class SharedRows:
    """Collection `patients`, read by `ins_index`."""

    def __init__(self, collection: Collection) -> None:
        self._patients = collection
        self._gathering = Gathering[bytes, _Row | None](self._find_all)

    async def find(self, index: bytes) -> _Row | None:
        """The row under an index, as it is stored now."""
        return await self._gathering.ask(index.hex(), index)

    async def _find_all(self, asked: Mapping[str, bytes]) -> Mapping[str, _Row | None]:
        found: dict[str, _Row] = {}
        async for row in self._patients.find({"ins_index": {"$in": [Binary(index) for index in asked.values()]}}):
            indexes = row["ins_index"]
            # A row of the first form has one index that is no list.
            found.update((index.hex(), row) for index in ([indexes] if isinstance(indexes, bytes) else indexes))
        return {key: found.get(key) for key in asked}
