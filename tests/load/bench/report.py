"""The table and ``var/bench.json``."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

FIRST_MARKS = {
    "decision": 0.6,
    "read-50kB": 0.25,
    "deposit-100kB": 0.15,
    "durable-events": 4.0,
    "resolve-patient": 0.7,
    "search-patient": 0.7,
    "resolve-professional": 0.7,
    "import-directory": 0.2,
}
"""Ratios to reach at 16 in flight, or of what is measured as a whole."""
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


def report(rows: list[Row], file: Path, console: Console) -> None:
    """Print the rows and write them."""
    table = Table(title="Carnet bench: ratios to a floor measured in the same run", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("row", "in flight", "p50 ms", "p99 ms", "per second", "to floor", "mark"):
        table.add_column(heading, justify="left" if heading == "row" else "right", no_wrap=True)
    for row in rows:
        mark = FIRST_MARKS.get(row.name) if row.in_flight in {MARKED_IN_FLIGHT, AS_A_WHOLE} else None
        is_reached = mark is None or (row.rate_to_floor >= mark and row.rss_growth_mb < MOST_MEMORY_MB)
        style = "" if mark is None else ("green" if is_reached else "red")
        values = (
            row.name,
            str(row.in_flight or "-"),
            f"{row.p50_ms:.1f}",
            f"{row.p99_ms:.1f}",
            f"{row.per_second:.0f}",
            f"{row.rate_to_floor:.2f}",
            "" if mark is None else f"{mark:g}",
        )
        table.add_row(*values, style=style)
    console.print(table)
    for floor in dict.fromkeys(row.floor for row in rows):
        named = ", ".join(dict.fromkeys(row.name for row in rows if row.floor == floor))
        console.print(f"floor of {named}: {floor}", style="dim", highlight=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
