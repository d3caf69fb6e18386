"""The two extracts of the national directory as one source for an import: read line by line, once, and given in order.

Each line is taken or refused by itself. A file is incomplete, and the import then takes nothing away, when its last line has no end (the
file broke off) or a line is not in the encoding said: earlier lines count, and so do later ones. A file whose headings are missing is
none: BrokenRule. Never the value of a line in what is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, groupby
from pathlib import Path

from carnet_platform.imports.lines import UTF_8, LineFile, NoSuchFileError, Told, first_line

from carnet_identity.domain.activity import Activity
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import ProfessionalEntry, RefusedLine, StructureEntry
from carnet_identity.domain.finess_extract import FinessExtract
from carnet_identity.domain.national_extract import NationalExtract
from carnet_identity.domain.nomenclatures import Nomenclatures
from carnet_identity.storage.sorted_lines import LINES_AT_ONCE, SortedLines

_OF_FINESS, _OF_A_LINE = "0", "1"
"""What FINESS says of a structure comes before what a line of a professional says."""


class DirectoryExtracts:
    """A source for `ImportDirectory`; to be read first, and closed."""

    def __init__(self, codes: Nomenclatures, refuse: Callable[[RefusedLine], None], *, at_once: int = LINES_AT_ONCE) -> None:
        """`refuse` is given each line that is not taken, in the order of the files; memory holds `at_once` lines."""
        self._codes = codes
        self._refuse = refuse
        self._structures, self._activities = SortedLines(at_once), SortedLines(at_once)
        self.is_complete = True
        self.refused = 0

    def read_structures(self, file: Path, encoding: str = UTF_8, told: Told | None = None) -> None:
        """Reads FINESS; BrokenRule when its headings are missing, OSError when it cannot be read."""
        first, lines = self._lines(file, "structures", encoding, told)
        with _nothing_changed("structures"):
            extract = FinessExtract(first)
        for number, line in chain([(1, first)] if extract.is_first_line_data else [], lines):
            try:
                entry = extract.read(line)
            except BrokenRule as broken:
                self._refused("structures", number, broken.field, broken.rule)
            else:
                if entry is not None:
                    self._add(entry, _OF_FINESS)

    def read_professionals(self, file: Path, encoding: str = UTF_8, told: Told | None = None) -> None:
        """Reads the extract of professionals; BrokenRule when its headings are missing, OSError when it cannot be read."""
        first, lines = self._lines(file, "professionals", encoding, told)
        with _nothing_changed("professionals"):
            extract = NationalExtract(first, self._codes)
        for number, line in lines:
            try:
                taken = extract.read(line)
            except BrokenRule as broken:
                self._refused("professionals", number, broken.field, broken.rule)
                continue
            activity = taken.activity
            flags = f"{activity.is_locum:d}\t{activity.is_care:d}"
            codes = f"{activity.profession}\t{activity.specialty}\t{activity.structure}\t{activity.sector}\t{activity.mode}"
            names = f"{taken.rpps}\t{taken.family_name}\t{taken.given_name}\t{taken.title}"
            self._activities.add(f"{names}\t{codes}\t{flags}\t{activity.begin_date}\t{activity.end_date}")
            if taken.structure is not None:
                self._add(taken.structure, _OF_A_LINE)

    def structures(self) -> Iterator[StructureEntry]:
        """Each once, in the order of their keys."""
        for key, lines in groupby((line.split("\t") for line in self._structures), lambda values: values[0]):
            yield StructureEntry(key, *next(lines)[2:])

    def professionals(self) -> Iterator[ProfessionalEntry]:
        """Each once, in the order of their RPPS; of several names the first in order."""
        for rpps, lines in groupby((line.split("\t") for line in self._activities), lambda values: values[0]):
            values = list(lines)
            _, family_name, given_name, title, *_ = values[0]
            yield ProfessionalEntry(rpps, family_name, given_name, title, tuple(dict.fromkeys(_activity(one) for one in values)))

    def close(self) -> None:
        """Gives the room back."""
        self._structures.close()
        self._activities.close()

    def _add(self, entry: StructureEntry, origin: str) -> None:
        self._structures.add("\t".join((entry.key, origin, *entry[1:])))

    def _lines(self, file: Path, kind: str, encoding: str, told: Told | None) -> tuple[str, Iterator[tuple[int, str]]]:
        """The first line, and the others, numbered from 2."""
        opened = LineFile(file, kind, encoding, self._refused, told)

        def others() -> Iterator[tuple[int, str]]:
            yield from lines
            self.is_complete = self.is_complete and opened.is_complete

        lines = opened.lines()
        try:
            return first_line(lines, kind), others()
        except NoSuchFileError as none:
            raise BrokenRule(none.kind, none.rule) from None

    def _refused(self, kind: str, number: int, field: str, rule: str) -> None:
        self.refused += 1
        self._refuse(RefusedLine(f"{kind}:{number}", field, rule))


def _activity(values: list[str]) -> Activity:
    profession, specialty, structure, sector, mode, is_locum, is_care, begin, end = values[4:]
    return Activity(structure, profession, specialty, sector, mode, is_locum == "1", is_care == "1", begin, end)


@contextmanager
def _nothing_changed(kind: str) -> Iterator[None]:
    try:
        yield
    except BrokenRule as broken:
        raise BrokenRule(kind, f"{broken.rule}; nothing was changed") from None
