"""A file of lines, read one at a time: numbered, decoded, and where reading it may be gone on with.

Each line is taken or refused by itself. A file is incomplete when its last line has no end (it broke off) or a line is not in the encoding
said: earlier lines count, and so do later ones. A file whose first line cannot be read is none. Never the value of a line in what is told.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

LONGEST_LINE: Final = 64 * 1024
"""Bytes."""
UTF_8: Final = "utf-8"
TOLD_EVERY: Final = 50_000

Told = Callable[[str, int], None]
"""Is told the file and how many of its lines were read; may raise to stop."""


class Refuse(Protocol):
    """Is given a line that is not taken."""

    def __call__(self, kind: str, number: int, field: str, rule: str) -> None:
        """The file, its line counted from 1, the heading ("" for the whole line) and the rule."""


class NoSuchFileError(Exception):
    """The file is none of its kind; `rule` says why."""

    def __init__(self, kind: str, rule: str) -> None:
        super().__init__(f"{kind}: {rule}")
        self.kind = kind
        self.rule = rule


class LineFile:
    """One file; `kind` is what it is called."""

    def __init__(self, file: Path, kind: str, encoding: str, refuse: Refuse, told: Told | None = None) -> None:
        self._file, self._kind, self._encoding = file, kind, encoding
        self._refuse, self._told = refuse, told
        self.is_complete = True
        self.position = 0
        """How many bytes were read: where the line after the one just given begins."""

    def lines(self, *, begin: int = 0, number: int = 0) -> Iterator[tuple[int, str]]:
        """The lines that could be decoded, without their ends, numbered from 1; after `number` lines, which end at the byte `begin`.

        Raises:
            NoSuchFileError: the first line is of another encoding.
            OSError: it cannot be read.
        """
        self.position = begin
        with self._file.open("rb", buffering=1024 * 1024) as stream:
            stream.seek(begin)
            while raw := stream.readline(LONGEST_LINE):
                number += 1
                self.position += len(raw)
                if self._told is not None and number % TOLD_EVERY == 0:
                    self._told(self._kind, number)
                if not raw.endswith(b"\n"):
                    rule = "a line longer than 64 KiB: not a file of lines" if len(raw) == LONGEST_LINE else "the last line has no end"
                    self._broken(number, f"{rule}; the file may have broken off")
                    return
                try:
                    line = raw.decode(self._encoding)
                except UnicodeDecodeError:
                    if number == 1:
                        raise NoSuchFileError(self._kind, f"the first line is not {self._encoding}; nothing was changed") from None
                    self._broken(number, f"the line is not {self._encoding}")
                    continue
                yield number, line.rstrip("\r\n").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}" if number == 1 else "")
        if self._told is not None:
            self._told(self._kind, number)

    def _broken(self, number: int, rule: str) -> None:
        self.is_complete = False
        self._refuse(self._kind, number, "", rule)


def first_line(lines: Iterator[tuple[int, str]], kind: str) -> str:
    """The first line; NoSuchFileError when there is no whole one."""
    number, line = next(lines, (0, ""))
    if not number:
        raise NoSuchFileError(kind, "the file has no whole first line; nothing was changed")
    return line
