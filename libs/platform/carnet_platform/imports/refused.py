"""The report of the lines that an import did not take: each in a file as `file;line;heading;rule`, and their number by rule. No value."""

import csv
from collections import Counter
from typing import IO, Final

HEADINGS: Final = ("file", "line", "heading", "rule")


class RefusedLines:
    """Writes the report. Its file is opened for writing text, at the place where the report goes on."""

    def __init__(self, file: IO[str], *, has_headings: bool = False) -> None:
        self._file = file
        self._lines = csv.writer(file, delimiter=";", lineterminator="\n")
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """By file, heading and rule."""
        if not has_headings:
            self._lines.writerow(HEADINGS)

    def __call__(self, kind: str, number: int, field: str, rule: str) -> None:
        """One more."""
        self._lines.writerow((kind, number, field, rule))
        self.counts[kind, field, rule] += 1
