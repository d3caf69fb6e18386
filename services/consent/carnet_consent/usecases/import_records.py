"""Imports the records of an earlier system, in the order of their file and a batch at a time: memory does not grow with it.

1. A line that breaks a rule is refused by itself, with its heading and the rule (`domain/importing.py`); the others are taken.
2. Whom its numbers stand for, identity is asked for a whole batch at once, while the one before is stored.
3. A record is stored as every other is: with its revision, its kept history and its events, in one transaction with some others.
4. Its name is made from what its line says, under a key. So the same line is the same record: it is stored once, whatever died in between,
   and it is left alone when it is there, whatever its holder has changed since. Another line for a person who has a record is refused.
5. How far the import came is kept behind each batch.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Protocol

from carnet.audit.v1.event_pb2 import Event
from carnet_platform.envelope import mac
from carnet_platform.identifiers import id_of, new_id
from carnet_platform.imports.lines import Refuse
from carnet_platform.imports.one_behind import OneBehind
from carnet_recording.events import write_time

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.import_line import Heading, ImportLine
from carnet_consent.domain.importing import ImportRules, KnownPerson, Resolved, imported
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.import_file import KIND, Place, ReadLine
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_closing, about_physician, about_statement, own_event, statement_kind

AT_ONCE: Final = 200
"""Lines that identity is asked about together."""
TOGETHER: Final = 25
"""Records in one transaction."""
_ID_BYTES: Final = 16


@dataclass(slots=True)
class ImportCounts:
    """What an import did."""

    imported: int = 0
    unchanged: int = 0
    """Lines whose records were imported before."""
    refused: int = 0


class Source(Protocol):
    """A file."""

    @property
    def place(self) -> Place:
        """Where the line that was given last ends."""

    def lines(self, after: Place) -> Iterator[ReadLine]:
        """Every line behind a place."""


class References(Protocol):
    """Whom national numbers stand for."""

    async def resolve(self, lines: Sequence[ImportLine]) -> Resolved:
        """All of some lines at once."""


class Kept(Protocol):
    """How far an import came."""

    async def begin(self) -> tuple[Place, ImportCounts]:
        """Where to go on."""

    async def reached(self, place: Place, counts: ImportCounts) -> None:
        """All up to this place is stored, or refused and in the report."""


@dataclass(frozen=True, slots=True)
class _New:
    """A record that is to be stored."""

    number: int
    consent: Consent
    line: ImportLine


class ImportRecords:
    """The use case."""

    def __init__(self, changes: Changes, references: References, rules: ImportRules, key: bytes, refuse: Refuse) -> None:
        """`key` is what names are made under; `refuse` is told each line that is not taken."""
        self._changes, self._references, self._rules = changes, references, rules
        self._key, self._refuse = key, refuse

    async def __call__(self, source: Source, kept: Kept) -> ImportCounts:
        """Import what is not imported yet. Raises Unavailable, or what the store raises, when it cannot go on: then it may be repeated."""
        place, counts = await kept.begin()
        async with OneBehind() as storing:
            for batch, end in _batches(source, place):
                resolved = await self._references.resolve([line for _, line in batch if isinstance(line, ImportLine)])
                await storing.then(self._store(batch, resolved, counts, kept, end))
        return counts

    async def _store(self, batch: Sequence[ReadLine], resolved: Resolved, counts: ImportCounts, kept: Kept, end: Place) -> None:
        refused: dict[int, RuleBrokenError] = {}
        fresh = await self._fresh(batch, resolved, counts, refused)
        parts = [fresh[first : first + TOGETHER] for first in range(0, len(fresh), TOGETHER)]
        await asyncio.gather(*(self._take_in(part, counts, refused) for part in parts))
        for number, broken in sorted(refused.items()):
            self._refuse(KIND, number, broken.field, broken.message)
        counts.refused += len(refused)
        await kept.reached(end, counts)

    async def _fresh(
        self, batch: Sequence[ReadLine], resolved: Resolved, counts: ImportCounts, refused: dict[int, RuleBrokenError]
    ) -> list[_New]:
        """The records of a batch that are to be stored."""
        persons = iter(resolved.persons)
        found: list[tuple[int, ImportLine, KnownPerson, str]] = []
        for number, line in batch:
            known = next(persons) if isinstance(line, ImportLine) else line
            if isinstance(line, ImportLine) and isinstance(known, KnownPerson):
                found.append((number, line, known, self._name(line)))
            elif isinstance(known, RuleBrokenError):
                refused[number] = known
        present = await self._present([(known.patient, name) for _, _, known, name in found])
        fresh: list[_New] = []
        now = self._changes.clock.now()
        for number, line, known, name in found:
            try:
                if _is_there(present, name, known.patient):
                    counts.unchanged += 1
                    continue
                consent = imported(line, known, resolved.subjects, self._rules, now, record=name, new_id=new_id)
            except RuleBrokenError as broken:
                refused[number] = broken
            else:
                present[name] = known.patient
                fresh.append(_New(number, consent, line))
        return fresh

    async def _present(self, found: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Whose records there are, by name; nobody's for one whose events are there and which is not."""
        patients, names = zip(*found, strict=True) if found else ((), ())
        held = await self._changes.records.of_persons(patients, names)
        begun = await self._changes.log.begun([name for name in names if name not in held])
        return {**held, **dict.fromkeys(begun, "")}

    async def _take_in(self, part: Sequence[_New], counts: ImportCounts, refused: dict[int, RuleBrokenError]) -> None:
        """Store some; one by one when somebody got a record meanwhile, or another import stored one of these."""
        try:
            await self._changes.take_in([_changed(one, self._changes.clock.now()) for one in part])
        except RuleBrokenError as broken:
            if len(part) > 1:
                for one in part:
                    await self._take_in([one], counts, refused)
                return
            (one,) = part
            try:
                _is_there(await self._present([(one.consent.patient, one.consent.record)]), one.consent.record, one.consent.patient)
                counts.unchanged += 1
            except RuleBrokenError:
                refused[one.number] = broken
        else:
            counts.imported += len(part)

    def _name(self, line: ImportLine) -> str:
        # As opaque as every other: who has no key learns nothing from it, and finds none by a number.
        return f"records/{id_of(mac(self._key, line.content())[:_ID_BYTES])}"


def _is_there(present: Mapping[str, str], name: str, patient: str) -> bool:
    """Whether the record of a line is stored. RuleBrokenError when the person has another, or what is stored is not whole."""
    if present.get(name) == "":
        raise RuleBrokenError("CONSENT_UNREADABLE", "the record was imported before and is not where it was: call the operator")
    if name in present:
        return True
    if patient in present.values():
        rule = "the person has a record that this line did not make, or one is announced, opposed or destroyed"
        raise RuleBrokenError("RECORD_EXISTS", rule, field=Heading.INS.value)
    return False


def _changed(new: _New, now: datetime) -> Changed[None]:
    """The record with its events: what the person reads of it, with the dates and the evidence of the earlier system."""
    consent, line = new.consent, new.line

    def told(kind: str, begin: datetime) -> Event:
        made = own_event(kind, consent.record, now)
        made.begin_time = write_time(begin)
        return made

    opened = told("record.imported", consent.opened)
    opened.motive = f"{consent.evidence.form} {consent.evidence.form_version}, {consent.evidence.method}"
    opened.grantee = consent.evidence.collected_by if line.collected_by is not None else ""
    events = [opened]
    events += [about_statement(told(statement_kind(one, "imported"), one.start), one) for one in consent.statements]
    if line.attending is not None:
        begin = line.attending.begin
        events += [about_physician(told("attending_physician.imported", begin), one) for one in consent.attending_physicians]
    if line.closed is not None:
        events.append(about_closing(told("record.closing_imported", line.closed), consent))
    return Changed(consent, tuple(events), None)


def _batches(source: Source, place: Place) -> Iterator[tuple[list[ReadLine], Place]]:
    lines = source.lines(place)
    while batch := list(islice(lines, AT_ONCE)):
        yield batch, source.place
