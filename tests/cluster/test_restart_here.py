"""The load of the cluster tests, on this machine: services end under it and come back, and no request fails after retry.

What stands in for a rolling restart is a service of two processes that are replaced one after the other; for the loss of the only pod,
a service of one process, so that for some seconds there is nobody.
"""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from carnet_dev.health import is_serving
from carnet_dev.local_run import LocalRun
from cluster.load import under_load
from support.system_fixtures import RunningCarnet, require_stores, settings
from support.waiting import eventually, eventually_answers

pytestmark = [pytest.mark.this_machine("processes that it ends"), pytest.mark.timeout(240), pytest.mark.long]

PATIENCE = timedelta(seconds=60)
CALLED, CALLING = "consent", "documents"
"""How a service ends is the same code for all, and a process takes its time to start."""


def started(folder: Path, *flags: str) -> Iterator[LocalRun]:
    """A system of its own, whose supervisor starts again what ends."""
    require_stores()
    running = RunningCarnet(folder / "var", *flags)
    try:
        yield running.wait_until_up()
    finally:
        running.process.terminate(PATIENCE)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """One process a service."""
    yield from started(tmp_path_factory.mktemp("single"))


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """Two processes, on one port, of the service that is replaced; one of every other."""
    yield from started(tmp_path_factory.mktemp("double"), *settings({f"{CALLING}.workers": "2"}))


async def killed_and_back(run: LocalRun, service: str) -> None:
    """End a service as a power cut would, and return once its next process serves."""
    before = run.pid(service)
    os.kill(before, signal.SIGKILL)
    await eventually(lambda: run.pid(service) != before, PATIENCE)
    await eventually_answers(lambda: is_serving(run.health[service]), PATIENCE)


def workers_of(run: LocalRun, service: str) -> list[int]:
    """The processes that serve for a service of several."""
    parent = run.pid(service)
    return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


async def all_serve(run: LocalRun, service: str) -> None:
    """Return once both processes serve. The health port of the second is the next one."""
    host, _, port = run.health[service].rpartition(":")
    for number in range(2):
        await eventually_answers(lambda number=number: is_serving(f"{host}:{int(port) + number}"), PATIENCE)  # type: ignore[misc]


async def replaced_one_by_one(run: LocalRun, service: str) -> None:
    """Ask each process to end once the other serves, and return once both were replaced."""
    for worker in workers_of(run, service):
        os.kill(worker, signal.SIGTERM)
        await eventually(lambda worker=worker: worker not in (left := workers_of(run, service)) and len(left) == 2, PATIENCE)  # type: ignore[misc]
        await all_serve(run, service)


async def test_a_service_killed_under_load_fails_no_request_after_retry(double: LocalRun) -> None:
    """R1: killed in the middle of everything; until the next process serves, requests are sent again within their time."""
    await fails_no_request_when_killed(double, CALLED)


async def test_a_service_killed_with_what_it_was_doing_fails_no_request_after_retry(single: LocalRun) -> None:
    """R1: the one that clients call, with reads and deposits in hand."""
    await fails_no_request_when_killed(single, CALLING)


async def fails_no_request_when_killed(run: LocalRun, service: str) -> None:
    """Under load."""
    async with under_load(run) as load:
        await killed_and_back(run, service)
        await load.goes_on()
        await load.end()
        load.check_all_answered()
        await load.check_nothing_lost()


async def test_a_service_replaced_process_by_process_fails_no_request_after_the_retries_of_the_client(double: LocalRun) -> None:
    """As a rolling restart: nobody has to send a request again."""
    await all_serve(double, CALLING)
    async with under_load(double) as load:
        await replaced_one_by_one(double, CALLING)
        await load.goes_on()
        await load.end()
        load.check_all_answered()
        assert load.sent_again == [], load.told()
        await load.check_nothing_lost()
