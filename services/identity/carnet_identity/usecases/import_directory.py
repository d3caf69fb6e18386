"""Imports the directory file at the start of a process.

Idempotent: the same file again writes nothing, and names stay. A line that breaks a rule is reported and left out. An activity that the
file no longer gives to a professional it lists is withdrawn: that is noted before the directory changes, so that tokens given for
it stop being answered even if this process dies in between.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from carnet_identity.domain.directory import DirectoryFile, ProfessionalEntry, RefusedLine, read_directory
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.usecases.ports import DirectoryWriter, Due


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    structures: int
    professionals: int
    changed_professionals: int
    withdrawn_activities: int
    refused: tuple[RefusedLine, ...]


class ImportDirectory:
    """The use case."""

    def __init__(self, directory: DirectoryWriter, due: Due) -> None:
        self._directory = directory
        self._due = due

    async def __call__(self, document: object, *, tokens_end: datetime) -> ImportReport:
        """Imports a parsed file; `tokens_end` is when no token given before this import can live any more.

        Raises:
            BrokenRule: when the file has not the form of a directory file at all.
        """
        file = read_directory(document)
        structure_ids = await self._directory.put_structures(file.structures)
        withdrawals = await self._withdrawn(file, structure_ids, tokens_end)
        await self._due.add(withdrawals)
        changed = await self._directory.put_professionals(file.professionals, structure_ids)
        return ImportReport(len(file.structures), len(file.professionals), changed, len(withdrawals), file.refused)

    async def _withdrawn(self, file: DirectoryFile, structure_ids: Mapping[str, str], tokens_end: datetime) -> list[Withdrawal]:
        held = await self._directory.professionals_by_rpps(entry.rpps for entry in file.professionals)
        return [
            Withdrawal(
                subject=f"activities/{held[entry.rpps].id}/{structure.removeprefix('structures/')}",
                request_id=str(uuid.uuid4()),
                expire_time=tokens_end,
            )
            for entry in file.professionals
            if entry.rpps in held
            for structure in held[entry.rpps].structures
            if structure not in _names(entry, structure_ids)
        ]


def _names(entry: ProfessionalEntry, structure_ids: Mapping[str, str]) -> set[str]:
    return {f"structures/{structure_ids[finess]}" for finess in entry.structures}
