"""Imports a directory, which is always a whole one, in the order of its keys and a batch at a time: memory does not grow with it.

1. A line that breaks a rule was reported and left out, as if it were not there (`domain/`).
2. Who is not in it, and worked somewhere, is withdrawn: access is never kept by being forgotten. One that would leave more people
   without any activity than `most_withdrawn` allows is likelier a broken one: refused, and nothing is changed.
3. One that is not complete (a file that breaks off, or is of another encoding) adds and changes, and takes nothing away.
4. What is withdrawn, a professional or an activity that is no longer given to one, is noted before the directory changes, so that tokens
   given for it stop being answered even if this process dies in between.
5. How far it came is kept: an import of the same files that broke off is gone on with.

Idempotent: the same again writes nothing, and names stay. Who comes back gets the same name, and may log in again once the withdrawal
has ended (`tokens_end`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final, TypeVar

from carnet_platform.imports.one_behind import OneBehind

from carnet_identity.domain.activity import Activity, opened
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import Professional, ProfessionalEntry, Structure, StructureEntry
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.usecases.ports import DirectorySource, DirectoryWriter, Due, ImportProgress

ALWAYS_ALLOWED: Final = 5
"""People whom an import may leave without any activity however small the directory is."""
STRUCTURES, PROFESSIONALS = "structures", "professionals"
AT_ONCE: Final = 2000
"""Rows read and stored together."""
_MOST_REMEMBERED = 150_000
T = TypeVar("T")


@dataclass(slots=True)
class ImportReport:
    """What an import did."""

    structures: int = 0
    professionals: int = 0
    activities: int = 0
    changed_professionals: int = 0
    withdrawn_professionals: int = 0
    withdrawn_activities: int = 0


class FromTheStart:
    """Progress of an import that is too small to be gone on with."""

    async def begin(self) -> tuple[str, str]:
        """From the first structure."""
        return STRUCTURES, ""

    async def reached(self, phase: str, key: str) -> None:
        """Not kept."""


@dataclass(slots=True)
class _Running:
    """One import under way."""

    source: DirectorySource
    progress: ImportProgress
    day: str
    tokens_end: Callable[[], datetime]
    report: ImportReport = field(default_factory=ImportReport)
    structure_ids: dict[str, str] = field(default_factory=dict)


class ImportDirectory:
    """The use case."""

    def __init__(self, directory: DirectoryWriter, due: Due, *, most_withdrawn: float, at_once: int = AT_ONCE) -> None:
        """`most_withdrawn` is the share, 0 to 1, of those who work somewhere; `at_once` how many rows are stored together."""
        self._directory = directory
        self._due = due
        self._most_withdrawn = most_withdrawn
        self._at_once = at_once

    async def __call__(
        self, source: DirectorySource, *, day: str, tokens_end: Callable[[], datetime], progress: ImportProgress | None = None
    ) -> ImportReport:
        """Imports a directory as on a day, YYYYMMDD; `tokens_end` tells when no token given until now can live any more.

        Raises:
            BrokenRule: when it would withdraw too many.
        """
        running = _Running(source, progress or FromTheStart(), day, tokens_end)
        if source.is_complete:
            await self._check_share(running)
        phase, reached = await running.progress.begin()
        await self._structures(running, None if phase == PROFESSIONALS else reached)
        await self._professionals(running, reached if phase == PROFESSIONALS else "")
        return running.report

    async def _check_share(self, running: _Running) -> None:
        working = without = 0
        listed = ((entry.rpps, bool(opened(entry.activities, running.day))) for entry in running.source.professionals())
        current = next(listed, None)
        async for held in self._directory.professionals_between("", None):
            while current is not None and current[0] < held.rpps:
                current = next(listed, None)
            if held.structures:
                working += 1
                without += current is None or current[0] != held.rpps or not current[1]
        if without > max(ALWAYS_ALLOWED, self._most_withdrawn * working):
            share = f"{without} of {working} professionals would lose every activity"
            raise BrokenRule("professionals", f"{share}: more than CARNET_DIRECTORY_WITHDRAWN_SHARE allows; nothing was changed")

    async def _structures(self, running: _Running, reached: str | None) -> None:
        """Those above the key reached; None when all were stored before."""
        async with OneBehind() as storing:
            for batch in _batches(running.source.structures(), self._at_once):
                running.report.structures += len(batch)
                if reached is None or batch[-1].key <= reached:
                    continue
                held = await self._directory.structures_by_key([entry.key for entry in batch])
                await storing.then(self._store_structures(running, batch, held))

    async def _store_structures(self, running: _Running, batch: Sequence[StructureEntry], held: Mapping[str, Structure]) -> None:
        _remember(running, await self._directory.put_structures(batch, held))
        await running.progress.reached(STRUCTURES, batch[-1].key)

    async def _professionals(self, running: _Running, reached: str) -> None:
        after = reached
        async with OneBehind() as storing:
            for batch in _batches(running.source.professionals(), self._at_once):
                running.report.professionals += len(batch)
                running.report.activities += sum(len(entry.activities) for entry in batch)
                if batch[-1].rpps <= reached:
                    continue
                named = {entry.rpps: entry for entry in await self._with_names(running, batch) if entry.rpps > reached}
                held = await self._held(running, named, after, batch[-1].rpps)
                await storing.then(self._store_professionals(running, named, held))
                after = batch[-1].rpps
            await self._held(running, {}, after, None)

    async def _held(
        self, running: _Running, named: Mapping[str, ProfessionalEntry], after: str, upto: str | None
    ) -> Mapping[str, Professional]:
        """Those held in a range of numbers; who is not named there is withdrawn."""
        held: dict[str, Professional] = {}
        absent: list[Professional] = []
        async for one in self._directory.professionals_between(after, upto):
            if one.rpps in named:
                held[one.rpps] = one
            elif one.activities and running.source.is_complete:
                absent.append(one)
                if len(absent) >= self._at_once:
                    await self._withdraw(running, absent)
                    absent.clear()
        await self._withdraw(running, absent)
        return held

    async def _store_professionals(
        self, running: _Running, named: Mapping[str, ProfessionalEntry], held: Mapping[str, Professional]
    ) -> None:
        if not running.source.is_complete:
            named = {rpps: _beside(entry, held.get(rpps)) for rpps, entry in named.items()}
        gone = [subject for rpps, one in held.items() for subject in _gone(one, named[rpps].activities)]
        running.report.withdrawn_activities += len(gone)
        await self._note(running, gone)
        running.report.changed_professionals += await self._directory.put_professionals(list(named.values()), held)
        await running.progress.reached(PROFESSIONALS, max(named))

    async def _withdraw(self, running: _Running, absent: Sequence[Professional]) -> None:
        working = [one for one in absent if one.structures]
        await self._note(running, [one.name for one in working])
        if absent:
            await self._directory.end_activities(absent)
        running.report.withdrawn_professionals += len(working)

    async def _note(self, running: _Running, subjects: Sequence[str]) -> None:
        ends = running.tokens_end()
        await self._due.add([Withdrawal(subject=one, request_id=str(uuid.uuid4()), expire_time=ends) for one in subjects])

    async def _with_names(self, running: _Running, batch: Sequence[ProfessionalEntry]) -> list[ProfessionalEntry]:
        """The entries with the structures of their activities by name; nobody works in one whose row cannot be believed."""
        keys = {activity.structure for entry in batch for activity in entry.activities if activity.structure}
        known = running.structure_ids
        if missing := [key for key in keys if key not in known]:
            found = await self._directory.structures_by_key(missing)
            _remember(running, {key: one.id for key, one in found.items()})
        return [entry._replace(activities=tuple(_named(entry.activities, known))) for entry in batch]


def _remember(running: _Running, ids: Mapping[str, str]) -> None:
    if len(running.structure_ids) > _MOST_REMEMBERED:
        running.structure_ids.clear()
    running.structure_ids.update(ids)


def _named(activities: Iterable[Activity], ids: Mapping[str, str]) -> Iterator[Activity]:
    for activity in activities:
        if not activity.structure:
            yield activity
        elif (found := ids.get(activity.structure)) is not None:
            yield Activity(f"structures/{found}", *activity[1:])


def _beside(entry: ProfessionalEntry, held: Professional | None) -> ProfessionalEntry:
    """What an incomplete file says of somebody, with what is held beside it."""
    said = {(activity.structure, activity.profession) for activity in entry.activities}
    kept = [] if held is None else [one for one in held.activities if (one.structure, one.profession) not in said]
    return entry._replace(activities=(*entry.activities, *kept))


def _gone(before: Professional, activities: Sequence[Activity]) -> Iterator[str]:
    """The activities, by structure, that one loses, or has under another profession now."""
    lost = opened(before.activities, before.day) - opened(activities, before.day)
    for structure in sorted({structure for structure, _ in lost}):
        yield f"activities/{before.id}/{structure.removeprefix('structures/')}"


def _batches(entries: Iterator[T], at_once: int) -> Iterator[list[T]]:
    while batch := list(islice(entries, at_once)):
        yield batch
