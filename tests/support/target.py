"""`--target=kind`: the system under test is a cluster that runs already, instead of processes that this session starts.

A cluster is found as a local run is, by the `run.json` and the certificates that `make deploy` leaves in var/kind (`KIND_FOLDER` names
another folder); its identity provider must be reached meanwhile, which `python -m carnet_dev.cluster forward` sees to. What a test needs
of this machine, such as process ids or a store behind the services, a cluster does not give: such a test is marked
`@pytest.mark.this_machine("what it needs")` and skipped there. Without the option nothing is different.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from carnet_dev.local_run import LocalRun, NotRunningError

from support.requirement import missing
from support.tree import ROOT

LOCAL, KIND = "local", "kind"
_FOLDER = ROOT / "var/kind"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--target", choices=(LOCAL, KIND), default=LOCAL, help="what tests/system run against: processes of this machine, or a kind cluster"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "this_machine(what): needs processes, stores or files of this machine; skipped on a cluster")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if reason := why_not(target_of(config), item.get_closest_marker("this_machine")):
            item.add_marker(pytest.mark.skip(reason=reason))


def target_of(config: pytest.Config) -> str:
    """`local` or `kind`."""
    return str(config.getoption("--target"))


def why_not(target: str, needs: pytest.Mark | None) -> str:
    """Why a test cannot run against a target; empty when it can."""
    if target == LOCAL or needs is None:
        return ""
    return f"--target={target} cannot give what this test needs: {needs.args[0]}"


def running_cluster(environment: Mapping[str, str] = os.environ) -> LocalRun:
    """The cluster, as its clients outside find it. Skips, or fails in CI, where none was deployed."""
    folder = Path(environment.get("KIND_FOLDER") or _FOLDER)
    try:
        return LocalRun.find(folder)
    except NotRunningError:
        missing(f"--target=kind finds no run.json in {folder}: make kind-up kind-load deploy")
