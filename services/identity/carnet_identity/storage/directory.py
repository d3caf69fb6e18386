"""The public directory of professionals and structures, in clear, each row under a seal.

Promises that an opaque name, once given to an RPPS or a structure's key, is never given to another and never changes, and that a row
somebody edited, made up or moved is not answered: an alarm is raised and the call fails (EnvelopeError). An import neither believes such
a row nor writes over it: an operator looks first. An import writes only what differs.

What a seal does not show: a row that was set back to an earlier state, which the next import undoes, and one that was deleted, whose
professional gets a new name at the next import.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

import structlog
from carnet_platform.clock import Clock
from carnet_platform.envelope import EnvelopeError
from carnet_platform.identifiers import new_id
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection
from carnet_platform.rows import RowSeals
from pymongo import ASCENDING, ReplaceOne
from pymongo.errors import BulkWriteError

from carnet_identity.domain.activity import Activity, day_in_paris
from carnet_identity.domain.directory import Professional, ProfessionalEntry, Structure, StructureEntry
from carnet_identity.domain.finess import is_finess

_DUPLICATE_KEY = 11000
_log = structlog.get_logger(__name__)
RowT = TypeVar("RowT", Professional, Structure)


class DirectoryStore:
    """Collections `professionals` and `structures`. Activities are in force, or not, on the day of the call."""

    def __init__(self, professionals: Collection, structures: Collection, keys: MasterKeys, clock: Clock) -> None:
        self._clock = clock
        self._professionals = _Rows(professionals, RowSeals(keys, "professionals"), "rpps", self._professional, _professional_fields)
        self._structures = _Rows(structures, RowSeals(keys, "structures"), "finess", _structure, _structure_row)

    async def professional_by_rpps(self, rpps: str) -> Professional | None:
        """The professional of an RPPS."""
        return await self._professionals.one({"rpps": rpps})

    async def structure_by_finess(self, finess: str) -> Structure | None:
        """The structure of a FINESS."""
        return await self._structures.one({"finess": finess})

    async def professionals_of(self, ids: Sequence[str]) -> list[Professional]:
        """Those of the ids that exist."""
        return await self._professionals.of(ids)

    async def structures_of(self, ids: Sequence[str]) -> list[Structure]:
        """Those of the ids that exist."""
        return await self._structures.of(ids)

    def professionals_between(self, after: str, upto: str | None) -> AsyncIterator[Professional]:
        """Professionals whose rows can be believed, in the order of their RPPS: above `after`, up to `upto` or to the last."""
        return self._professionals.believed({"rpps": {"$gt": after} if upto is None else {"$gt": after, "$lte": upto}})

    async def professionals_by_rpps(self, numbers: Sequence[str]) -> Mapping[str, Professional]:
        """Those of the RPPS that exist and whose rows can be believed."""
        return {one.rpps: one async for one in self._professionals.believed({"rpps": {"$in": list(numbers)}})}

    async def structures_by_key(self, keys: Sequence[str]) -> Mapping[str, Structure]:
        """Those of the keys that exist and whose rows can be believed."""
        return {one.key: one async for one in self._structures.believed({"finess": {"$in": list(keys)}})}

    async def put_structures(self, entries: Sequence[StructureEntry], held: Mapping[str, Structure]) -> Mapping[str, str]:
        """Stores what differs from `held`, of the same keys; gives the ids of those that are new, by key."""
        return await self._structures.write({entry.key: _structure_row(entry) for entry in entries}, held)

    async def put_professionals(self, entries: Sequence[ProfessionalEntry], held: Mapping[str, Professional]) -> int:
        """Stores what differs from `held`, by RPPS, with the structures of activities by name; gives how many were new or changed."""
        wanted = {entry.rpps: {**entry._asdict(), "activities": [activity._asdict() for activity in entry.activities]} for entry in entries}
        changed = {rpps: fields for rpps, fields in wanted.items() if rpps not in held or _professional_fields(held[rpps]) != fields}
        await self._professionals.write(changed, held)
        return len(changed)

    async def end_activities(self, professionals: Sequence[Professional]) -> None:
        """Leaves these professionals in the directory without any activity."""
        without = {one.rpps: _professional_fields(replace(one, activities=())) for one in professionals}
        await self._professionals.write(without, {one.rpps: one for one in professionals})

    def _professional(self, row: Mapping[str, Any]) -> Professional:
        return Professional(
            id=row["_id"],
            rpps=row["rpps"],
            family_name=row["family_name"],
            given_name=row["given_name"],
            title=row["title"],
            activities=tuple(_activities(row)),
            day=day_in_paris(self._clock.now()),
        )


class _Rows(Generic[RowT]):
    """One of the two collections; `key` is what its rows are found by at an import."""

    def __init__(
        self,
        collection: Collection,
        seals: RowSeals,
        key: str,
        read: Callable[[Mapping[str, Any]], RowT],
        fields: Callable[[RowT], dict[str, Any]],
    ) -> None:
        self._collection, self._seals, self._key = collection, seals, key
        self._read: Callable[[Mapping[str, Any]], RowT] = read
        self._fields: Callable[[RowT], dict[str, Any]] = fields

    async def one(self, wanted: Mapping[str, Any]) -> RowT | None:
        found = await self._collection.find_one(wanted)
        return None if found is None else self._opened(found)

    async def of(self, ids: Sequence[str]) -> list[RowT]:
        return [self._opened(found) async for found in self._collection.find({"_id": {"$in": list(ids)}})]

    async def believed(self, wanted: Mapping[str, Any]) -> AsyncIterator[RowT]:
        async for found in self._collection.find(wanted).sort(self._key, ASCENDING):
            if self._is_whole(found):
                yield self._read(found)

    async def write(self, wanted: Mapping[str, dict[str, Any]], held: Mapping[str, RowT]) -> Mapping[str, str]:
        """Stores what differs from what is held, by key; gives the ids of what is new."""
        changed = [
            ReplaceOne({"_id": held[key].id, self._key: key}, self._seals.sealed({"_id": held[key].id, **fields}))
            for key, fields in wanted.items()
            if key in held and self._fields(held[key]) != fields
        ]
        if changed:
            await self._collection.bulk_write(changed, ordered=False)
        new = [self._seals.sealed({"_id": new_id(), **fields}) for key, fields in wanted.items() if key not in held]
        return {row[self._key]: row["_id"] for row in new} if not new or await self._are_inserted(new) else {}

    async def _are_inserted(self, rows: Sequence[dict[str, Any]]) -> bool:
        """Whether all were. One that another process stored meanwhile stays as it is, and so does one that cannot be believed."""
        try:
            await self._collection.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            if any(wrong["code"] != _DUPLICATE_KEY for wrong in error.details["writeErrors"]) or error.details["writeConcernErrors"]:
                raise
            return False
        return True

    def _opened(self, found: dict[str, Any]) -> RowT:
        if not self._is_whole(found):
            raise EnvelopeError("a row of the directory is not as it was sealed")
        return self._read(found)

    def _is_whole(self, found: dict[str, Any]) -> bool:
        is_whole = self._seals.is_whole(found)
        if not is_whole:
            _log.error("directory.seal_broken", collection=self._collection.name, row=str(found["_id"]))
        return is_whole


def _structure(row: Mapping[str, Any]) -> Structure:
    # `finess` holds the key: what stands for a FINESS where a structure has none. A row of the first form has no more than a name.
    key, entity, siren, siret = row["finess"], row.get("entity_finess", ""), row.get("siren", ""), row.get("siret", "")
    finess = key if is_finess(key) else ""
    return Structure(
        id=row["_id"], key=key, finess=finess, entity_finess=entity, siren=siren, siret=siret, display_name=row["display_name"]
    )


def _structure_row(entry: StructureEntry | Structure) -> dict[str, Any]:
    numbers = {"finess": entry.key, "entity_finess": entry.entity_finess, "siren": entry.siren, "siret": entry.siret}
    return {**numbers, "display_name": entry.display_name}


def _activities(row: Mapping[str, Any]) -> Iterator[Activity]:
    if "activities" in row:
        yield from (Activity(**activity) for activity in row["activities"])
        return
    # A row of the first form: one profession in each of its structures.
    for structure in row["structures"]:
        yield Activity(structure, row["profession"], row["specialty"], "", "", is_locum=False, is_care=True, begin_date="", end_date="")


def _professional_fields(held: Professional) -> dict[str, Any]:
    names = {name: getattr(held, name) for name in ("rpps", "family_name", "given_name", "title")}
    return {**names, "activities": [activity._asdict() for activity in held.activities]}
