"""The whole system as processes on free ports, as `make run` starts it; or, with `--target=kind`, a cluster.

A folder whose tests share one has a fixture `carnet` of its own, so that the system ends with them: an idle one costs a tenth of a core.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from carnet_dev.child import Child
from carnet_dev.local_run import STATE_FILE, LocalRun
from carnet_dev.programs import ProgramNotFoundError, find_mongod, find_redis_server

from support.requirement import missing
from support.target import KIND, running_cluster, target_of
from support.waiting import wait_until

START_PATIENCE = timedelta(seconds=60)


class RunningCarnet:
    """`python -m carnet_dev run` over a folder of its own."""

    def __init__(self, folder: Path, *flags: str, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "carnet_dev", "run", "--folder", str(folder), "--free-ports", *flags]
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self.process = Child(command, self.log, environment=environment)

    def said(self) -> str:
        """Everything it printed."""
        return self.log.read_text()

    def wait_until_up(self) -> LocalRun:
        """The system, once every service serves. Fails the test with what was printed when it ends instead."""

        def is_settled() -> bool:
            return (self.folder / STATE_FILE).exists() or not self.process.is_running

        wait_until(is_settled, START_PATIENCE, self.said)
        if not self.process.is_running:
            pytest.fail(f"the system did not start:\n{self.said()}")
        return LocalRun.find(self.folder)


def require_stores() -> None:
    """Skip, or fail in CI, where mongod or redis-server is missing."""
    try:
        find_mongod()
        find_redis_server()
    except ProgramNotFoundError as error:
        missing(str(error))


def whole_system(config: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """What a fixture `carnet` gives: the system, every call traced.

    `async with carnet.client("software/gp") as connection: ... await carnet.session(connection, "alice", structure)`.
    """
    if target_of(config) == KIND:
        yield running_cluster()
        return
    require_stores()
    running = RunningCarnet(tmp_path_factory.mktemp("carnet") / "var", *settings({"all.trace_sample_ratio": "1"}))
    try:
        yield running.wait_until_up()
    finally:
        running.process.terminate(timedelta(seconds=60))


def settings(values: dict[str, str]) -> Sequence[str]:
    """The flags that give settings, e.g. `{"consent.emergency_duration": "PT20S"}`."""
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
