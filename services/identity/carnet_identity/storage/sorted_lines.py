"""Lines in order, however many: sorted a part at a time in files without a name, then merged.

Memory holds one part. The files lie in the folder for temporary files and are gone with the process, also when it is killed. The same line
added twice may be given once or twice.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Final

LINES_AT_ONCE: Final = 50_000


class SortedLines:
    """Texts without line ends, given in the order of their code points."""

    def __init__(self, at_once: int = LINES_AT_ONCE) -> None:
        self._at_once = at_once
        self._part: set[str] = set()
        self._files: list[IO[str]] = []

    def add(self, line: str) -> None:
        """One more, before the first is asked for."""
        self._part.add(line)
        if len(self._part) >= self._at_once:
            self._put_away()

    def __iter__(self) -> Iterator[str]:
        """All of them from the first on. One reading at a time: they share the files."""
        if not self._files:
            return iter(sorted(self._part))
        if self._part:
            self._put_away()
        return heapq.merge(*(_from_the_start(file) for file in self._files))

    def close(self) -> None:
        """Gives the room back."""
        for file in self._files:
            file.close()
        self._files.clear()
        self._part.clear()

    def _put_away(self) -> None:
        file = TemporaryFile("w+", encoding="utf-8", newline="\n", prefix="carnet-directory-")  # noqa: SIM115 - closed by `close`
        file.writelines(f"{line}\n" for line in sorted(self._part))
        self._files.append(file)
        self._part.clear()


def _from_the_start(file: IO[str]) -> Iterator[str]:
    file.seek(0)
    return (line[:-1] for line in file)
