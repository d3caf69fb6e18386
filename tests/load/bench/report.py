"""The table and ``var/bench.json``."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

FIRST_MARKS = {"decision": 0.6, "read-50kB": 0.25, "deposit-100kB": 0.15, "durable-events": 4.0}
"""Ratios to reach at 16 in flight."""
MARKED_IN_FLIGHT = 16


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


def report(rows: list[Row], file: Path, console: Console) -> None:
    """Print the rows and write them."""
    table = Table(title="Carnet bench: ratios to a floor measured in the same run")
    for heading in ("row", "floor", "in flight", "p50 ms", "p99 ms", "per second", "of its floor", "mark", "MB/s"):
        table.add_column(heading, justify="left" if heading in {"row", "floor"} else "right")
    for row in rows:
        mark = FIRST_MARKS.get(row.name) if row.in_flight == MARKED_IN_FLIGHT else None
        style = "" if mark is None else ("green" if row.rate_to_floor >= mark else "red")
        values = (
            row.name,
            row.floor,
            str(row.in_flight),
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            f"{row.per_second:.0f}",
            f"{row.rate_to_floor:.2f}",
            "" if mark is None else f"{mark:g}",
            f"{row.mb_per_s:.1f}",
        )
        table.add_row(*values, style=style)
    console.print(table)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
