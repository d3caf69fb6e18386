"""The public directory of professionals and structures, in clear.

Promises that an opaque name, once given to an RPPS or FINESS, is never given to another and never changes. An import writes only
what differs; who is missing from a file stays, because a file may be partial.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Collection
from pymongo import UpdateOne

from carnet_identity.domain.directory import Professional, ProfessionalEntry, Structure, StructureEntry

_AT_ONCE = 1000


class DirectoryStore:
    """Collections `professionals` and `structures`."""

    def __init__(self, professionals: Collection, structures: Collection) -> None:
        self._professionals = professionals
        self._structures = structures

    async def professional_by_rpps(self, rpps: str) -> Professional | None:
        """The professional of an RPPS."""
        found = await self._professionals.find_one({"rpps": rpps})
        return None if found is None else _professional(found)

    async def structure_by_finess(self, finess: str) -> Structure | None:
        """The structure of a FINESS."""
        found = await self._structures.find_one({"finess": finess})
        return None if found is None else _structure(found)

    async def professionals_of(self, ids: Sequence[str]) -> list[Professional]:
        """Those of the ids that exist."""
        return [_professional(found) async for found in self._professionals.find({"_id": {"$in": list(ids)}})]

    async def structures_of(self, ids: Sequence[str]) -> list[Structure]:
        """Those of the ids that exist."""
        return [_structure(found) async for found in self._structures.find({"_id": {"$in": list(ids)}})]

    async def put_structures(self, entries: Sequence[StructureEntry]) -> Mapping[str, str]:
        """Stores structures and gives their ids by FINESS."""
        held = {found["finess"]: _structure(found) async for found in _all(self._structures, "finess", (e.finess for e in entries))}
        changed = [entry for entry in entries if entry.finess not in held or held[entry.finess].display_name != entry.display_name]
        await _write(self._structures, "finess", [asdict(entry) for entry in changed])
        numbers = (entry.finess for entry in entries)
        return {found["finess"]: found["_id"] async for found in _all(self._structures, "finess", numbers)}

    async def professionals_by_rpps(self, numbers: Iterable[str]) -> Mapping[str, Professional]:
        """Those of the RPPS numbers that are in the directory."""
        return {found["rpps"]: _professional(found) async for found in _all(self._professionals, "rpps", numbers)}

    async def put_professionals(self, entries: Sequence[ProfessionalEntry], structure_ids: Mapping[str, str]) -> int:
        """Stores professionals with their activities; gives how many were new or changed."""
        held = await self.professionals_by_rpps(entry.rpps for entry in entries)
        wanted = [asdict(entry) | {"structures": [structure_ids[finess] for finess in entry.structures]} for entry in entries]
        changed = [fields for fields in wanted if _differs(fields, held.get(fields["rpps"]))]
        await _write(self._professionals, "rpps", changed)
        return len(changed)


def _differs(fields: dict[str, Any], held: Professional | None) -> bool:
    if held is None:
        return True
    names = tuple(f"structures/{structure}" for structure in fields["structures"])
    return asdict(held) != {**fields, "id": held.id, "structures": names}


async def _write(collection: Collection, key: str, documents: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(documents), _AT_ONCE):
        some = documents[start : start + _AT_ONCE]
        writes = [UpdateOne({key: fields[key]}, {"$set": fields, "$setOnInsert": {"_id": new_id()}}, upsert=True) for fields in some]
        await collection.bulk_write(writes, ordered=False)


async def _all(collection: Collection, key: str, values: Iterable[str]) -> AsyncIterator[dict[str, Any]]:
    wanted = list(values)
    for start in range(0, len(wanted), _AT_ONCE):
        async for found in collection.find({key: {"$in": wanted[start : start + _AT_ONCE]}}):
            yield found


def _structure(document: dict[str, Any]) -> Structure:
    return Structure(id=document["_id"], finess=document["finess"], display_name=document["display_name"])


def _professional(document: dict[str, Any]) -> Professional:
    fields = {name: value for name, value in document.items() if name not in {"_id", "structures"}}
    structures = tuple(f"structures/{structure}" for structure in document["structures"])
    return Professional(id=document["_id"], structures=structures, **fields)
