"""Traces of a local run: which are the last, and what hangs below what."""

import io
import json
from pathlib import Path

from carnet_dev.traces import all_traces, last_traces, read_spans, show
from rich.console import Console


def line(trace: str, span: str, parent: str, start: int, *, status: str = "unset", kind: str = "server", **more: object) -> str:
    return json.dumps(
        {
            "trace_id": trace,
            "span_id": span,
            "parent_span_id": parent,
            "service": "consent",
            "name": f"Step{span}",
            "kind": kind,
            "start_time_unix_nano": start * 1_000_000,
            "end_time_unix_nano": (start + 3) * 1_000_000,
            "status": status,
            "attributes": {},
            "links": [],
            **more,
        }
    )


def write(folder: Path, file: str, *lines: str) -> None:
    (folder / "traces").mkdir(exist_ok=True)
    (folder / "traces" / file).write_text("\n".join(lines))


def test_the_last_traces_come_from_every_file_and_its_rotation(tmp_path: Path) -> None:
    write(tmp_path, "consent.jsonl", line("b", "1", "", 20))
    write(tmp_path, "consent.jsonl.1", line("a", "2", "", 10))
    write(tmp_path, "audit.jsonl", line("c", "3", "", 30), line("b", "4", "1", 21), '{"trace_id": "half wri')
    traces = all_traces(read_spans(tmp_path / "traces"))
    assert [[span.span_id for span in trace] for trace in last_traces(traces, 2)] == [["1", "4"], ["3"]]


def test_a_tree_shows_children_times_and_errors(tmp_path: Path) -> None:
    write(tmp_path, "consent.jsonl", line("a", "2", "1", 12, status="error"), line("a", "1", "gone", 10))
    out = io.StringIO()
    show(tmp_path, 5, Console(file=out, width=120))
    _, root, child = out.getvalue().splitlines()
    assert "Step1  3.0 ms  +0.0" in root
    assert child.startswith("    ")
    assert child.rstrip().endswith("Step2  3.0 ms  +2.0  error")


def test_calls_of_others_and_commands_of_stores_are_told_apart_with_what_went_wrong(tmp_path: Path) -> None:
    failed = {"db.system.name": "mongodb", "error.type": "DuplicateKey"}
    write(
        tmp_path,
        "consent.jsonl",
        line("a", "1", "", 10),
        line("a", "2", "1", 11, kind="client"),
        line("a", "3", "1", 12, kind="client", status="error", attributes=failed),
    )
    out = io.StringIO()
    show(tmp_path, 5, Console(file=out, width=120))
    _, _, called, stored = out.getvalue().splitlines()
    assert "Step2 (called)" in called
    assert "Step3 (mongodb)" in stored
    assert stored.rstrip().endswith("DuplicateKey")


def test_what_was_done_later_because_of_a_trace_is_shown_below_it_and_not_counted(tmp_path: Path) -> None:
    shipped = line("b", "2", "", 20, kind="internal", links=[{"trace_id": "a", "span_id": "1"}])
    sequenced = line("c", "3", "", 30, kind="internal", links=[{"trace_id": "b", "span_id": "2"}])
    orphan = line("d", "4", "", 5, kind="internal", links=[{"trace_id": "gone", "span_id": "9"}])
    write(tmp_path, "consent.jsonl", line("a", "1", "", 10), shipped, sequenced, orphan)
    out = io.StringIO()
    show(tmp_path, 1, Console(file=out, width=120))
    said = out.getvalue().splitlines()
    assert [text.strip(" │├└─").split("  ")[0] for text in said if "trace" in text] == ["trace a", "later: trace b", "later: trace c"]
    assert not any("Step4" in text for text in said)


def test_no_trace_is_said(tmp_path: Path) -> None:
    out = io.StringIO()
    show(tmp_path, 5, Console(file=out, width=200))
    assert "no trace below" in out.getvalue()
