"""The file of an earlier system's records as a source: read once, in its order, a line at a time; memory does not grow with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from carnet_platform.imports.lines import LineFile, NoSuchFileError, Told, first_line

from carnet_consent.domain.import_line import Columns, ImportLine
from carnet_consent.domain.refusal import RuleBrokenError

KIND = "records"
"""What the file is called where its lines are told of."""
ReadLine = tuple[int, ImportLine | RuleBrokenError]
"""The number of a line, from 1, and what it says, or what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line ends: reading may be gone on with behind it."""

    end: int = 0
    """In bytes; 0 for the beginning of the file."""
    number: int = 0


class ImportFile:
    """One file."""

    def __init__(self, file: Path, encoding: str, told: Told | None = None) -> None:
        """`told` is told how many lines were read, and may raise to stop."""
        self._file, self._encoding = file, encoding
        self._broken: list[ReadLine] = []
        self._lines = LineFile(file, KIND, encoding, self._note, told)
        self._place = Place()

    @property
    def place(self) -> Place:
        """Where the line that was given last ends."""
        return self._place

    @property
    def is_complete(self) -> bool:
        """Whether every line so far could be read."""
        return self._lines.is_complete

    def lines(self, after: Place) -> Iterator[ReadLine]:
        """Every line behind a place, and behind the headings.

        Raises:
            NoSuchFileError: its headings are missing or unknown.
            OSError: it cannot be read.
        """
        columns, begin = self._columns()
        place = after if after.number else begin
        for number, text in self._lines.lines(begin=place.end, number=place.number):
            yield from self._taken()
            self._place = Place(self._lines.position, number)
            try:
                yield number, columns.read(text)
            except RuleBrokenError as broken:
                yield number, broken
        yield from self._taken()

    def _columns(self) -> tuple[Columns, Place]:
        top = LineFile(self._file, KIND, self._encoding, self._note)
        lines = top.lines()
        first = first_line(lines, KIND)
        try:
            return Columns(first), Place(top.position, 1)
        except RuleBrokenError as broken:
            raise NoSuchFileError(KIND, f"{broken.message}; nothing was changed") from None

    def _note(self, kind: str, number: int, field: str, rule: str) -> None:
        del kind
        self._broken.append((number, RuleBrokenError("INVALID_FIELD", rule, field=field)))

    def _taken(self) -> Iterator[ReadLine]:
        """The lines that could not be read at all, before the next one that could."""
        broken, self._broken = self._broken, []
        for number, what in broken:
            self._place = Place(self._lines.position, number)
            yield number, what
