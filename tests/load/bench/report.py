"""The table and ``var/bench.json``."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

FIRST_MARKS = {
    "decision": 0.7,
    "read-50kB": 0.25,
    "deposit-100kB": 0.15,
    "durable-events": 4.0,
    "resolve-patient": 0.7,
    "search-patient": 0.7,
    "resolve-professional": 0.7,
    "import-directory": 0.2,
}
"""Ratios to reach at 16 in flight, or of what is measured as a whole."""
MOST_TIMES_THE_FLOOR = {"decision-100k": 1.3, "preview": 5.0, "preview-structure": 5.0, "who-can-read": 5.0}
"""What may cost so many times another row, which is its floor."""
MOST_RSS_MB = {"consent-memory": 150.0}
"""What a worker may hold after the run."""
MARKED_IN_FLIGHT = 16
AS_A_WHOLE = 0
"""In flight: one long piece of work, measured once."""
MOST_MEMORY_MB = 200.0
"""How much more memory that may take than before it began."""


@dataclass(frozen=True)
class Row:
    """One line of the table; ``rate_to_floor`` is ``per_second`` over the floor's in the same run."""

    name: str
    floor: str
    in_flight: int
    p50_ms: float
    p99_ms: float
    per_second: float
    rate_to_floor: float
    mb_per_s: float
    rss_growth_mb: float = 0.0
    """By how much the process grew, where that is measured."""
    processor_ms: float = 0.0
    """Processor time of services and stores for one operation."""
    rss_mb: float = 0.0
    """What a process holds, where that alone is measured."""

    @property
    def mark(self) -> str:
        """What is to be reached, as told; empty for no mark."""
        if self.in_flight not in {MARKED_IN_FLIGHT, AS_A_WHOLE}:
            return ""
        if self.name in MOST_RSS_MB:
            return f"{MOST_RSS_MB[self.name]:.0f} MB"
        times = MOST_TIMES_THE_FLOOR.get(self.name)
        return f"1/{times:g}" if times else f"{FIRST_MARKS[self.name]:g}" if self.name in FIRST_MARKS else ""

    @property
    def is_reached(self) -> bool:
        """Whether it is reached; true where there is no mark."""
        least = FIRST_MARKS.get(self.name, 1 / MOST_TIMES_THE_FLOOR.get(self.name, float("inf")))
        return (
            self.rate_to_floor >= least and self.rss_growth_mb < MOST_MEMORY_MB and self.rss_mb < MOST_RSS_MB.get(self.name, float("inf"))
        )


def report(rows: list[Row], file: Path, console: Console) -> None:
    """Print the rows and write them."""
    table = Table(title="Carnet bench: ratios to a floor measured in the same run", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("row", "in flight", "p50 ms", "p99 ms", "per second", "to floor", "mark"):
        table.add_column(heading, justify="left" if heading == "row" else "right", no_wrap=True)
    for row in rows:
        style = ("green" if row.is_reached else "red") if row.mark else ""
        values = (
            row.name,
            str(row.in_flight or "-"),
            f"{row.p50_ms:.1f}",
            f"{row.p99_ms:.1f}",
            f"{row.per_second:.0f}",
            f"{row.rss_mb:.0f} MB" if row.rss_mb else f"{row.rate_to_floor:.2f}",
            row.mark,
        )
        table.add_row(*values, style=style)
    console.print(table)
    for floor in dict.fromkeys(row.floor for row in rows):
        named = ", ".join(dict.fromkeys(row.name for row in rows if row.floor == floor))
        console.print(f"floor of {named}: {floor}", style="dim", highlight=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
