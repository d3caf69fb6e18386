"""Traces of a local run: which are the last, and what hangs below what."""

import io
import json
from pathlib import Path

from carnet_dev.traces import last_traces, read_spans, show
from rich.console import Console


def line(trace: str, span: str, parent: str, start: int, *, status: str = "unset") -> str:
    return json.dumps(
        {
            "trace_id": trace,
            "span_id": span,
            "parent_span_id": parent,
            "service": "consent",
            "name": f"Step{span}",
            "kind": "server",
            "start_time_unix_nano": start * 1_000_000,
            "end_time_unix_nano": (start + 3) * 1_000_000,
            "status": status,
            "attributes": {},
        }
    )


def write(folder: Path, file: str, *lines: str) -> None:
    (folder / "traces").mkdir(exist_ok=True)
    (folder / "traces" / file).write_text("\n".join(lines))


def test_the_last_traces_come_from_every_file_and_its_rotation(tmp_path: Path) -> None:
    write(tmp_path, "consent.jsonl", line("b", "1", "", 20))
    write(tmp_path, "consent.jsonl.1", line("a", "2", "", 10))
    write(tmp_path, "audit.jsonl", line("c", "3", "", 30), line("b", "4", "1", 21), '{"trace_id": "half wri')
    spans = read_spans(tmp_path / "traces")
    assert [[span.span_id for span in trace] for trace in last_traces(spans, 2)] == [["1", "4"], ["3"]]


def test_a_tree_shows_children_times_and_errors(tmp_path: Path) -> None:
    write(tmp_path, "consent.jsonl", line("a", "2", "1", 12, status="error"), line("a", "1", "gone", 10))
    out = io.StringIO()
    show(tmp_path, 5, Console(file=out, width=120))
    _, root, child = out.getvalue().splitlines()
    assert "Step1  3.0 ms  +0.0" in root
    assert child.startswith("    ")
    assert child.rstrip().endswith("Step2  3.0 ms  +2.0  error")


def test_no_trace_is_said(tmp_path: Path) -> None:
    out = io.StringIO()
    show(tmp_path, 5, Console(file=out, width=200))
    assert "no trace below" in out.getvalue()
