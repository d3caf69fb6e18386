"""The public directory of professionals and structures, in clear, each row under a seal.

Promises that an opaque name, once given to an RPPS or FINESS, is never given to another and never changes, and that a row somebody
edited, made up or moved is not answered: an alarm is raised and the call fails (EnvelopeError). An import neither believes such a row
nor writes over it: an operator looks first. An import writes only what differs.

What a seal does not show: a row that was set back to an earlier state, which the next import undoes, and one that was deleted, whose
professional gets a new name at the next import.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Generic, TypeVar

import structlog
from carnet_platform.envelope import EnvelopeError
from carnet_platform.identifiers import new_id
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection
from carnet_platform.rows import SEAL, RowSeals
from pymongo import UpdateOne

from carnet_identity.domain.directory import Professional, ProfessionalEntry, Structure, StructureEntry

_AT_ONCE = 1000
_log = structlog.get_logger(__name__)
RowT = TypeVar("RowT", Professional, Structure)


class DirectoryStore:
    """Collections `professionals` and `structures`."""

    def __init__(self, professionals: Collection, structures: Collection, keys: MasterKeys) -> None:
        self._professionals = _Rows(professionals, RowSeals(keys, "professionals"), "rpps", _professional)
        self._structures = _Rows(structures, RowSeals(keys, "structures"), "finess", _structure)

    async def professional_by_rpps(self, rpps: str) -> Professional | None:
        """The professional of an RPPS."""
        return await self._professionals.one(rpps)

    async def structure_by_finess(self, finess: str) -> Structure | None:
        """The structure of a FINESS."""
        return await self._structures.one(finess)

    async def professionals_of(self, ids: Sequence[str]) -> list[Professional]:
        """Those of the ids that exist."""
        return await self._professionals.of(ids)

    async def structures_of(self, ids: Sequence[str]) -> list[Structure]:
        """Those of the ids that exist."""
        return await self._structures.of(ids)

    async def all_professionals(self) -> Mapping[str, Professional]:
        """Every professional whose row can be believed, by RPPS."""
        return {one.rpps: one async for one in self._professionals.believed({})}

    async def put_structures(self, entries: Sequence[StructureEntry]) -> Mapping[str, str]:
        """Stores structures and gives their ids by FINESS; one whose row cannot be believed is left out."""
        held = {one.finess: one async for one in self._structures.believed({})}
        await self._structures.write({entry.finess: asdict(entry) for entry in entries}, held)
        return {one.finess: one.id async for one in self._structures.believed({})}

    async def put_professionals(
        self, entries: Sequence[ProfessionalEntry], structure_ids: Mapping[str, str], held: Mapping[str, Professional]
    ) -> int:
        """Stores professionals with their activities in these structures; gives how many were new or changed.

        `held` is what `all_professionals` gave.
        """
        wanted = {
            entry.rpps: asdict(entry)
            | {"structures": tuple(f"structures/{structure_ids[finess]}" for finess in entry.structures if finess in structure_ids)}
            for entry in entries
        }
        return await self._professionals.write(wanted, held)

    async def end_activities(self, professionals: Sequence[Professional]) -> None:
        """Leaves these professionals in the directory without any activity."""
        without = {one.rpps: _fields(replace(one, structures=())) for one in professionals}
        await self._professionals.write(without, {one.rpps: one for one in professionals})


class _Rows(Generic[RowT]):
    """One of the two collections; `key` is the number its rows are found by."""

    def __init__(self, collection: Collection, seals: RowSeals, key: str, read: Callable[[dict[str, Any]], RowT]) -> None:
        self._collection, self._seals, self._key = collection, seals, key
        self._read: Callable[[dict[str, Any]], RowT] = read

    async def one(self, number: str) -> RowT | None:
        found = await self._collection.find_one({self._key: number})
        return None if found is None else self._opened(found)

    async def of(self, ids: Sequence[str]) -> list[RowT]:
        return [self._opened(found) async for found in self._collection.find({"_id": {"$in": list(ids)}})]

    async def believed(self, wanted: Mapping[str, Any]) -> AsyncIterator[RowT]:
        async for found in self._collection.find(wanted):
            if self._is_whole(found):
                yield self._read(found)

    async def write(self, wanted: Mapping[str, dict[str, Any]], held: Mapping[str, RowT]) -> int:
        """Stores what differs from what is held, by number; gives how many."""
        changed = [fields for number, fields in wanted.items() if number not in held or _fields(held[number]) != fields]
        for some in _parts(changed):
            await self._collection.bulk_write([self._update(fields, held.get(fields[self._key])) for fields in some], ordered=False)
        return len(changed)

    def _update(self, fields: dict[str, Any], held: RowT | None) -> UpdateOne:
        if held is not None:
            return UpdateOne({"_id": held.id, self._key: fields[self._key]}, {"$set": self._sealed(held.id, fields)})
        new = new_id()
        # Only if the number has no row: one that another process stored meanwhile stays, and so does one that cannot be believed.
        return UpdateOne({self._key: fields[self._key]}, {"$setOnInsert": self._sealed(new, fields) | {"_id": new}}, upsert=True)

    def _sealed(self, row_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        sealed = self._seals.sealed({"_id": row_id, **fields})
        return {name: value for name, value in sealed.items() if name != "_id"}

    def _opened(self, found: dict[str, Any]) -> RowT:
        if not self._is_whole(found):
            raise EnvelopeError("a row of the directory is not as it was sealed")
        return self._read(found)

    def _is_whole(self, found: dict[str, Any]) -> bool:
        is_whole = self._seals.is_whole(found)
        if not is_whole:
            _log.error("directory.seal_broken", collection=self._collection.name, row=str(found["_id"]))
        return is_whole


def _fields(held: Professional | Structure) -> dict[str, Any]:
    return {name: value for name, value in asdict(held).items() if name != "id"}


def _parts(documents: Sequence[dict[str, Any]]) -> Iterable[Sequence[dict[str, Any]]]:
    return (documents[start : start + _AT_ONCE] for start in range(0, len(documents), _AT_ONCE))


def _structure(row: dict[str, Any]) -> Structure:
    return Structure(id=row["_id"], finess=row["finess"], display_name=row["display_name"])


def _professional(row: dict[str, Any]) -> Professional:
    fields = {name: value for name, value in row.items() if name not in {"_id", SEAL, "structures"}}
    return Professional(id=row["_id"], structures=tuple(row["structures"]), **fields)
