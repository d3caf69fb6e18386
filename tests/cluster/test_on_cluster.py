"""What only a cluster can show: replicas are replaced, lost and added under load, MongoDB loses its primary, and no request is lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from carnet_dev.local_run import LocalRun
from cluster.cluster import LOOK_EVERY_SECONDS, Cluster
from cluster.load import Load, under_load
from cluster.readiness import watched_readiness
from support.tree import SERVICES
from support.waiting import eventually_answers

pytestmark = pytest.mark.timeout(900)

Tell = Callable[[str], None]
MANY_PRACTICES, SLOWER = 12, timedelta(milliseconds=500)
"""The edge of kind spreads connections, so there must be several; and the machine is small."""
SPREAD_WITHIN = timedelta(minutes=5)
"""Connections end after two minutes (CARNET_MAX_CONNECTION_AGE); this is twice that, and some."""
A_SHARE = 10
"""Calls by which a replica has its part in the load."""


async def check(load: Load, tell: Tell, what: str) -> None:
    """The load goes on; every request of it was answered, and all that was acknowledged is there."""
    await load.goes_on()
    await load.end()
    tell(f"{what}: {load.told()}")
    load.check_all_answered()
    await load.check_nothing_lost()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_rolling_restart_under_load_fails_no_request(cluster: Cluster, deployed: LocalRun, tell: Tell, service: str) -> None:
    """The client's own retries see every request through: none has to be sent again by whoever asked."""
    async with under_load(deployed) as load:
        await cluster.restart(service)
        await check(load, tell, f"rolling restart of {service}")
        assert load.sent_again == []


@pytest.mark.parametrize("service", SERVICES)
async def test_the_loss_of_a_pod_fails_no_request_after_retry(cluster: Cluster, deployed: LocalRun, tell: Tell, service: str) -> None:
    """R1: a pod ends without its grace. Kind has one of each, so until the next one serves, requests are sent again within their time."""
    async with under_load(deployed) as load:
        await cluster.lose_pod(service)
        await check(load, tell, f"loss of a pod of {service}")


async def test_the_loss_of_the_primary_of_mongodb_is_a_pause_and_no_refusal(cluster: Cluster, deployed: LocalRun, tell: Tell) -> None:
    """R1: requests are answered within their time, every service stays ready and is not restarted, nothing acknowledged is lost."""
    async with under_load(deployed) as load:
        async with watched_readiness(cluster) as readiness:
            await cluster.lose_pod("mongodb", await cluster.primary())
            await load.goes_on()
        await check(load, tell, "loss of the primary of MongoDB")
    readiness.check_stayed()
    assert await cluster.primary()


@pytest.mark.timeout(1800)
async def test_documents_scaled_from_one_to_three_spread_the_load(cluster: Cluster, deployed: LocalRun, tell: Tell) -> None:
    """Every replica has its share of the calls; given back to one, still no request fails."""
    async with cluster.scaled("documents", 1), under_load(deployed, practices=MANY_PRACTICES, pause=SLOWER) as load:
        async with cluster.scaled("documents", 3):
            tell(f"calls by pod: {await shares(cluster)}")
        await check(load, tell, "documents from 1 to 3 and back")


async def shares(cluster: Cluster) -> dict[str, int]:
    """How many calls each replica of documents answered from now on, once each has its share. Raises TimeoutError."""
    since = datetime.now(UTC)
    served = {pod.name: 0 for pod in await cluster.pods("documents")}
    assert len(served) == 3

    async def has_every_pod_its_share() -> bool:
        served.update({name: await cluster.served(name, since) for name in served})
        return min(served.values()) >= A_SHARE

    await eventually_answers(has_every_pod_its_share, SPREAD_WITHIN, LOOK_EVERY_SECONDS)
    return served
