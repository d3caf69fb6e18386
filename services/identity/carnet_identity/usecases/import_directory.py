"""Imports the directory file at the start of a process. A file is the whole directory.

1. A line that breaks a rule is reported and left out, as if it were not there.
2. Who is not in the file, and worked somewhere, is withdrawn: access is never kept by being forgotten. A file that would leave more
   people without any activity than `most_withdrawn` allows is likelier a broken file: refused, and nothing is changed.
3. What is withdrawn, a professional or an activity that the file no longer gives to one, is noted before the directory changes, so
   that tokens given for it stop being answered even if this process dies in between.

Idempotent: the same file again writes nothing, and names stay. Who comes back gets the same name, and may log in again once the
withdrawal has ended (`tokens_end`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import DirectoryFile, Professional, ProfessionalEntry, RefusedLine, read_directory
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.usecases.ports import DirectoryWriter, Due

ALWAYS_ALLOWED: Final = 5
"""People whom an import may leave without any activity however small the directory is."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    structures: int
    professionals: int
    changed_professionals: int
    withdrawn_professionals: int
    withdrawn_activities: int
    refused: tuple[RefusedLine, ...]


class ImportDirectory:
    """The use case."""

    def __init__(self, directory: DirectoryWriter, due: Due, *, most_withdrawn: float) -> None:
        """`most_withdrawn` is the share, 0 to 1, of those who work somewhere."""
        self._directory = directory
        self._due = due
        self._most_withdrawn = most_withdrawn

    async def __call__(self, document: object, *, tokens_end: datetime) -> ImportReport:
        """Imports a parsed file; `tokens_end` is when no token given before this import can live any more.

        Raises:
            BrokenRule: when the file has not the form of a directory file at all, or would withdraw too many.
        """
        file = read_directory(document)
        held = await self._directory.all_professionals()
        self._check_share(file, held)
        structure_ids = await self._directory.put_structures(file.structures)
        listed = {entry.rpps for entry in file.professionals}
        absent = [one for one in held.values() if one.structures and one.rpps not in listed]
        gone = list(_activities_gone(file.professionals, held, structure_ids))
        await self._due.add([_withdrawal(subject, tokens_end) for subject in (*(one.name for one in absent), *gone)])
        await self._directory.end_activities(absent)
        changed = await self._directory.put_professionals(file.professionals, structure_ids, held)
        return ImportReport(len(file.structures), len(file.professionals), changed, len(absent), len(gone), file.refused)

    def _check_share(self, file: DirectoryFile, held: Mapping[str, Professional]) -> None:
        working = {rpps for rpps, one in held.items() if one.structures}
        without = len(working - {entry.rpps for entry in file.professionals if entry.structures})
        if without > max(ALWAYS_ALLOWED, self._most_withdrawn * len(working)):
            share = f"{without} of {len(working)} professionals would lose every activity"
            raise BrokenRule("professionals", f"{share}: more than CARNET_DIRECTORY_WITHDRAWN_SHARE allows; nothing was changed")


def _activities_gone(
    entries: Sequence[ProfessionalEntry], held: Mapping[str, Professional], structure_ids: Mapping[str, str]
) -> Iterable[str]:
    for entry in entries:
        if (before := held.get(entry.rpps)) is not None:
            kept = {f"structures/{structure_ids[finess]}" for finess in entry.structures if finess in structure_ids}
            gone = (structure.removeprefix("structures/") for structure in before.structures if structure not in kept)
            yield from (f"activities/{before.id}/{structure}" for structure in gone)


def _withdrawal(subject: str, tokens_end: datetime) -> Withdrawal:
    return Withdrawal(subject=subject, request_id=str(uuid.uuid4()), expire_time=tokens_end)
