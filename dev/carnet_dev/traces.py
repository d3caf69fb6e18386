"""`make traces`: the last traces of a local run as trees, with the time each step took and the errors.

Services write spans as JSON lines below `<folder>/traces`; a trace is what they wrote under one id. A span whose parent is missing
(another sampling, a rotated file) is shown as a root.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

_MILLISECOND = 1_000_000


@dataclass(frozen=True)
class Span:
    """One step of a trace; times in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent: str
    service: str
    name: str
    kind: str
    start: int
    end: int
    is_error: bool


def read_spans(folder: Path) -> list[Span]:
    """Every span of the files in `folder`; a line that is being written is left out."""
    spans = []
    for file in sorted(folder.glob("*.jsonl*")):
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                spans.append(_span(json.loads(line)))
            except (ValueError, KeyError):
                continue
    return spans


def last_traces(spans: Iterable[Span], count: int) -> list[list[Span]]:
    """The `count` traces that began last, the oldest of them first, each in order of its spans' beginnings."""
    traces: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    ordered = sorted((sorted(trace, key=lambda span: span.start) for trace in traces.values()), key=lambda trace: trace[0].start)
    return ordered[-count:]


def tree(trace: list[Span]) -> Tree:
    """One trace as a tree: service, step, milliseconds, and where it stands after the beginning."""
    began = trace[0].start
    known = {span.span_id for span in trace}
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in trace:
        children[span.parent if span.parent in known else ""].append(span)
    root = Tree(Text(f"trace {trace[0].trace_id}", style="dim"))

    def grow(branch: Tree, parent: str) -> None:
        for span in children[parent]:
            grow(branch.add(_line(span, began)), span.span_id)

    grow(root, "")
    return root


def show(folder: Path, count: int, console: Console) -> None:
    """Print the last traces, or why there is none."""
    traces = last_traces(read_spans(folder / "traces"), count)
    for trace in traces:
        console.print(tree(trace))
    if not traces:
        console.print(f"no trace below {folder}/traces yet: one call in ten is traced (make run FLAGS='--set all.trace_sample_ratio=1')")


def _line(span: Span, began: int) -> Text:
    text = Text(f"{span.service:<10}", style="cyan")
    text.append(f" {span.name}", style="red" if span.is_error else "bold")
    if span.kind == "client":
        text.append(" (called)", style="dim")
    text.append(f"  {(span.end - span.start) / _MILLISECOND:.1f} ms")
    text.append(f"  +{(span.start - began) / _MILLISECOND:.1f}", style="dim")
    return text.append("  error", style="red") if span.is_error else text


def _span(line: dict[str, str | int]) -> Span:
    return Span(
        trace_id=str(line["trace_id"]),
        span_id=str(line["span_id"]),
        parent=str(line["parent_span_id"]),
        service=str(line["service"]),
        name=str(line["name"]),
        kind=str(line["kind"]),
        start=int(line["start_time_unix_nano"]),
        end=int(line["end_time_unix_nano"]),
        is_error=line["status"] == "error",
    )
