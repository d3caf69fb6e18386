"""`make traces`: the last traces of a local run as trees, with the time each step took and the errors.

Services write spans as JSON lines below `<folder>/traces`; a trace is what they wrote under one id. A span whose parent is missing
(another sampling, a rotated file) is shown as a root. What was done later because of a trace, and links to it (shipping, sequencing), is
shown below it and is not counted.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    error: str
    """What went wrong, by its name; empty when nothing did."""
    store: str = ""
    """Which kind of store a command went to; empty for anything else."""
    causes: frozenset[str] = frozenset()
    """Ids of the traces it links to."""


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


def all_traces(spans: Iterable[Span]) -> list[list[Span]]:
    """The traces, the oldest first, each in order of its spans' beginnings."""
    traces: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    return sorted((sorted(trace, key=lambda span: span.start) for trace in traces.values()), key=lambda trace: trace[0].start)


def last_traces(traces: Sequence[list[Span]], count: int) -> list[list[Span]]:
    """The `count` traces that began last and were caused by no other that is here."""
    known = {trace[0].trace_id for trace in traces}
    return [trace for trace in traces if known.isdisjoint(_causes(trace))][-count:]


def tree(trace: list[Span], traces: Sequence[list[Span]] = ()) -> Tree:
    """One trace as a tree: service, step, milliseconds, where it stands after the beginning; then those of `traces` that it caused."""
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
    for later in traces:
        if trace[0].trace_id in _causes(later):
            branch = tree(later, [one for one in traces if one is not later])
            branch.label = Text(f"later: trace {later[0].trace_id}  +{(later[0].start - began) / _MILLISECOND:.1f}", style="dim")
            root.children.append(branch)
    return root


def _causes(trace: list[Span]) -> set[str]:
    """The other traces that a trace says caused it: only what begins a trace says so of all of it."""
    return {cause for span in trace if not span.parent for cause in span.causes} - {trace[0].trace_id}


def show(folder: Path, count: int, console: Console) -> None:
    """Print the last traces, or why there is none."""
    traces = all_traces(read_spans(folder / "traces"))
    for trace in last_traces(traces, count):
        console.print(tree(trace, traces))
    if not traces:
        console.print(f"no trace below {folder}/traces yet: 1 call in 100 is traced (make run FLAGS='--set all.trace_sample_ratio=1')")


def _line(span: Span, began: int) -> Text:
    text = Text(f"{span.service:<10}", style="cyan")
    text.append(f" {span.name}", style="red" if span.error else "bold")
    if span.kind == "client":
        text.append(f" ({span.store or 'called'})", style="dim")
    if span.kind == "internal" and span.parent and span.causes:
        text.append(f" (with {len(span.causes)} other traces)", style="dim")
    text.append(f"  {(span.end - span.start) / _MILLISECOND:.1f} ms")
    text.append(f"  +{(span.start - began) / _MILLISECOND:.1f}", style="dim")
    return text.append(f"  {span.error}", style="red") if span.error else text


def _span(line: dict[str, Any]) -> Span:
    attributes = line["attributes"]
    return Span(
        trace_id=str(line["trace_id"]),
        span_id=str(line["span_id"]),
        parent=str(line["parent_span_id"]),
        service=str(line["service"]),
        name=str(line["name"]),
        kind=str(line["kind"]),
        start=int(line["start_time_unix_nano"]),
        end=int(line["end_time_unix_nano"]),
        error=str(attributes.get("error.type", "error")) if line["status"] == "error" else "",
        store=str(attributes.get("db.system.name", "")),
        causes=frozenset(link["trace_id"] for link in line.get("links", ())),
    )
