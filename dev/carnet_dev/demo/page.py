"""What the demo prints: chapters, lines, and a mark for each check. The exit code is whether every mark is good."""

import time
from collections.abc import Awaitable
from typing import TypeVar

from carnet_client import Refused
from rich.console import Console
from rich.text import Text

T = TypeVar("T")
WIDTH = 124


class StoryError(Exception):
    """A step did not end as the story says, and what follows needs it."""


class Page:
    """The page the story is written on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self.good = 0
        self.bad = 0

    def chapter(self, number: int, title: str, aside: str = "") -> None:
        """Begin a chapter."""
        self._console.print()
        self._console.print(Text.assemble((f" {number}  {title}", "bold"), ("    " + aside if aside else "", "dim")))

    def line(self, text: str) -> None:
        """A line that states and checks nothing."""
        self._console.print(Text("    " + text))

    def check(self, text: str, holds: bool, aside: str = "") -> None:  # noqa: FBT001  # it reads as a sentence
        """A line that is true or not."""
        self.good, self.bad = self.good + holds, self.bad + (not holds)
        mark = ("✓", "green") if holds else ("✗ NOT AS THE STORY SAYS", "bold red")
        pad = " " * max(1, WIDTH - 4 - len(text) - 12)
        self._console.print(Text.assemble("    " + text, pad, mark, (f"  {aside:>8}", "dim")))

    async def step(self, text: str, action: Awaitable[T]) -> T:
        """Do something that must succeed. Raises ``StoryError`` when it is refused."""
        began = time.perf_counter()
        try:
            answer = await action
        except Refused as refused:
            self.check(f"{text}: {refused}", holds=False)
            raise StoryError(text) from refused
        self.check(text, holds=True, aside=_milliseconds(began))
        return answer

    async def refusal(self, text: str, action: Awaitable[object], reason: str) -> Refused | None:
        """Try something that must be refused for ``reason``."""
        began = time.perf_counter()
        try:
            await action
        except Refused as refused:
            self.check(f"{text:<16}✗ refused   {refused.reason}", refused.reason == reason, _milliseconds(began))
            return refused
        self.check(f"{text}: it was not refused", holds=False)
        return None

    def close(self) -> int:
        """The last line; the exit code."""
        seconds = time.monotonic() - self._began
        total = self.good + self.bad
        self._console.print()
        self._console.print(
            f"{self.good} of {total} checks as the story says, {seconds:.1f} s", style="bold" if not self.bad else "bold red"
        )
        return 1 if self.bad else 0


def _milliseconds(began: float) -> str:
    elapsed = time.perf_counter() - began
    return f"{elapsed * 1000:.0f} ms" if elapsed < 1 else f"{elapsed:.1f} s"
