"""Whom the national numbers of many lines stand for: what an import of an earlier system's records asks. No trait.

Each kind is one read of the store, however many numbers are asked. What is not known, or cannot be believed, is told so one by one; nobody
else's line waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from carnet_identity.domain.departement import departement
from carnet_identity.domain.directory import Professional, structure_key
from carnet_identity.domain.ins import Ins
from carnet_identity.usecases.ports import NumberedDirectory, NumberedPatients
from carnet_identity.usecases.refer_to_patient import Standing

_log = structlog.get_logger(__name__)
_FINESS, _SIRET = "1", "3"
"""First characters of the IDNST of a structure (domain.md 1.2)."""


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person of an INS, and how she stands."""

    name: str
    standing: Standing


class ResolveReferences:
    """The use cases."""

    def __init__(self, patients: NumberedPatients, directory: NumberedDirectory) -> None:
        self._patients = patients
        self._directory = directory

    async def persons(self, numbers: Sequence[Ins]) -> Mapping[Ins, KnownPerson]:
        """Those of the numbers that somebody bears or bore."""
        found = await self._patients.of_ins(numbers) if numbers else {}
        # Nobody's history tells of this look: the log of the process has how many were asked for and how many there are.
        _log.info("references.resolved", asked=len(numbers), found=len(found))
        return {
            ins: KnownPerson(
                one.name, Standing(one.status, one.is_deceased, one.revision, departement(one.residence_commune), has_open_comparison=False)
            )
            for ins, one in found.items()
        }

    async def professionals(self, numbers: Sequence[str]) -> Mapping[str, Professional]:
        """Those of the RPPS that the directory has."""
        return await self._directory.professionals_by_rpps(numbers) if numbers else {}

    async def structures(self, numbers: Sequence[str]) -> Mapping[str, str]:
        """`structures/{structure}` of those IDNST that the directory has."""
        keys = {number: key for number in numbers if (key := _key_of(number))}
        found = await self._directory.structures_by_key(sorted(set(keys.values()))) if keys else {}
        return {number: found[key].name for number, key in keys.items() if key in found}


def _key_of(number: str) -> str:
    """What the directory knows a structure of this IDNST by; "" for another kind of number."""
    kind, rest = number[:1], number[1:]
    return structure_key(rest if kind == _FINESS else "", rest if kind == _SIRET else "", "")
