"""Fixtures of the tests of a cluster: it, and how its clients find it. Skipped, with what is missing, unless `make kind-test` runs them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import pytest
from carnet_dev.local_run import LocalRun
from carnet_dev.plan import IDENTITY_PROVIDER
from carnet_dev.ports import is_free
from cluster.cluster import Cluster
from support.requirement import missing
from support.target import KIND, running_cluster, target_of
from support.tree import SERVICES


@pytest.fixture(scope="session")
def deployed(pytestconfig: pytest.Config) -> LocalRun:
    """What clients outside find the cluster by. Skips where there is no cluster, or nobody asked for one."""
    if target_of(pytestconfig) != KIND:
        pytest.skip("needs a cluster: make kind-test (--target=kind)")
    if reason := asyncio.run(Cluster().why_unreachable()):
        missing(reason)
    found = running_cluster()
    port = int(found.issuer.rpartition(":")[2])
    if is_free(port):
        missing(f"nothing leads from port {port} to the cluster's {IDENTITY_PROVIDER}: python -m carnet_dev.cluster forward -- ...")
    return found


@pytest.fixture
async def cluster(deployed: LocalRun) -> AsyncIterator[Cluster]:  # noqa: ARG001  # the skip
    """The cluster, whole before a test and after it."""
    one = Cluster()
    for name in (*SERVICES, "mongodb"):
        await one.settled(name)
    yield one
    for name in (*SERVICES, "mongodb"):
        await one.settled(name)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a line of figures among the tests, also when they pass."""

    def say(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return say
