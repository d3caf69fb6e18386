"""How a session is selected and summed up: `--trial R1` runs the tests of one trial; the last lines count tests by kind.

A test belongs to the trials its docstring names, and to the kind its folder names. What is marked `long` shows again, at greater length,
what a shorter test shows too: it runs with `--long`, and with its trial.
"""

import re
from collections import Counter
from collections.abc import Iterable

import pytest

KINDS = ("unit", "architecture", "manifests", "images", "component", "system", "cluster", "faults", "load")
LONGEST_FIRST = ("faults", "system", "cluster", "component", "manifests", "images", "architecture", "unit", "load", "")
_TRIAL = re.compile(r"\b[RCAS]\d{1,2}\b")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--trial", metavar="ID", help="only the tests whose docstring names this trial, e.g. R1")
    parser.addoption("--long", action="store_true", help="also the tests marked `long`")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: shows at greater length what a shorter test shows too; runs with --long, and with its trial")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # The long ones first: with several workers the short ones fill what is left.
    items.sort(key=lambda item: LONGEST_FIRST.index(kind_of(item.nodeid)))
    wanted = config.getoption("--trial")
    if not wanted and config.getoption("--long"):
        return
    chosen = [item for item in items if (wanted in trials_of(item) if wanted else item.get_closest_marker("long") is None)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats
    ran = [report for outcome in ("passed", "failed", "xfailed", "xpassed") for report in reports.get(outcome, [])]
    counted = count_by_kind(report.nodeid for report in ran)
    if counted:
        terminalreporter.write_line("ran " + ", ".join(f"{number} {kind}" for kind, number in counted.items()))


def trials_of(item: pytest.Item) -> frozenset[str]:
    """The trials that a test's docstring, its class's or its module's names."""
    texts = [getattr(item, name, None) for name in ("obj", "cls", "module")]
    return frozenset(found for text in texts for found in _TRIAL.findall(getattr(text, "__doc__", None) or ""))


def kind_of(node_id: str) -> str:
    """The kind of a test by its folder; empty for one of no kind."""
    return next((kind for kind in KINDS if f"{kind}/" in node_id.partition("::")[0]), "")


def count_by_kind(node_ids: Iterable[str]) -> dict[str, int]:
    """How many of the tests are of each kind, in the order of KINDS; kinds without a test are left out."""
    counter = Counter(kind_of(node) for node in node_ids)
    return {kind: counter[kind] for kind in KINDS if counter[kind]}
