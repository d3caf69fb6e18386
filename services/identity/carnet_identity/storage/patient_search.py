"""Finds persons by their blind terms, several searches in one round trip, and never more than were asked for.

A search is told only what it asked itself. A row that does not open in its place is alarmed; it is left out where that was asked for, and
fails the search otherwise.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson import Binary
from carnet_platform.envelope import EnvelopeError
from carnet_platform.gathering import Gathering
from carnet_platform.mongo import Collection, aggregate

from carnet_identity.domain.patient import Patient
from carnet_identity.domain.search_terms import Terms
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.search_terms import SearchTerms

_INDEX: Final = "search_terms"
_ASKED: Final = "asked"
_MOST: Final = 16

_Rows = list[Mapping[str, Any]]


class PatientFinds:
    """Collection `patients`, looked through by terms."""

    def __init__(self, collection: Collection, patients: PatientStore, terms: SearchTerms, *, most: int) -> None:
        """Give at most one more than `most` persons, which tells that there are too many."""
        self._collection, self._patients, self._terms, self._limit = collection, patients, terms, most + 1
        self._gathering = Gathering[tuple[bytes, ...], _Rows](self._find_all, most=_MOST)
        self._numbers = itertools.count()

    async def find(self, terms: Terms, *, is_broken_left_out: bool) -> list[Patient]:
        """Those who may fit, in no order; EnvelopeError when a row is not believed and may not be left out."""
        rows = await self._gathering.ask(str(next(self._numbers)), tuple(self._terms.asked(terms)))
        found = []
        for row in rows:
            try:
                found.append(self._patients.opened(row))
            except EnvelopeError:
                if not is_broken_left_out:
                    raise
        return found

    async def _find_all(self, asked: Mapping[str, tuple[bytes, ...]]) -> Mapping[str, _Rows]:
        first, *others = (self._pipeline(key, terms) for key, terms in asked.items())
        unions = [{"$unionWith": {"coll": self._collection.name, "pipeline": pipeline}} for pipeline in others]
        found: dict[str, _Rows] = {key: [] for key in asked}
        async for row in await aggregate(self._collection, [*first, *unions]):
            found[row.pop(_ASKED)].append(row)
        return found

    def _pipeline(self, key: str, terms: Sequence[bytes]) -> list[dict[str, Any]]:
        wanted = {"$in": [Binary(term) for term in terms]}
        return [{"$match": {"search_terms": wanted}}, {"$limit": self._limit}, {"$set": {_ASKED: key}}]
