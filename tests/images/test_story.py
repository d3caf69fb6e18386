"""The story, played through the images: confined containers, two replicas of documents behind one name."""

import re
from datetime import timedelta

import grpc
import pytest
from carnet_dev.health import is_serving
from grpc_health.v1 import health_pb2, health_pb2_grpc
from images.containers import INSIDE, ContainedCarnet
from images.engine import USER, user_flags
from support.waiting import eventually, eventually_answers

pytestmark = pytest.mark.timeout(300)

GRACE = timedelta(seconds=45)
"""Of the manifests."""


async def test_the_story_ends_as_told(carnet_from_images: ContainedCarnet) -> None:
    """A1, A5, C4, C7: every check of the story, through the images."""
    code, said = carnet_from_images.told("--samples", f"{INSIDE}/none")
    assert code == 0, f"{said}\n{carnet_from_images.said()}"
    assert "NOT AS THE STORY SAYS" not in said


async def test_both_replicas_behind_one_name_are_used(carnet_from_images: ContainedCarnet) -> None:
    """Clients and consent find every replica by the one name, and share their calls among them."""
    code, said = carnet_from_images.told("--samples", f"{INSIDE}/none")
    assert code == 0, said
    for name in ("documents", "documents-1"):
        log = carnet_from_images.folder / "log" / f"{name}.log"
        await eventually(lambda log=log: len(re.findall(r"carnet\.documents\.v1\.\w+", log.read_text())) > 1)  # type: ignore[misc]


async def test_they_run_confined(carnet_from_images: ContainedCarnet) -> None:
    """The story was told by processes that may write nothing but /tmp and can gain no right."""
    for name, container in carnet_from_images.containers.items():
        status = container.engine.run("exec", container.id, "cat", "/proc/1/status")
        told = dict(line.split(":\t", 1) for line in status.splitlines())
        assert told["CapEff"] == told["CapBnd"] == "0" * 16, name
        assert told["NoNewPrivs"] == "1"
        assert told["Seccomp"] == "2"
        if not user_flags():
            assert set(told["Uid"].split()) == {str(USER)}
        assert container.engine.inspect("container", container.id)["HostConfig"]["ReadonlyRootfs"]


async def test_readiness_follows_the_store_and_liveness_does_not(carnet_from_images: ContainedCarnet) -> None:
    stores = carnet_from_images.stores
    assert stores is not None
    assert stores.mongod is not None
    address = carnet_from_images.health("documents")
    stores.mongod.stop()
    try:

        async def is_not_ready() -> bool:
            return not await is_serving(address)

        await eventually_answers(is_not_ready)
        assert await says(address, "liveness") == health_pb2.HealthCheckResponse.SERVING
    finally:
        stores.mongod.cont()
    await eventually_answers(carnet_from_images.is_up)


async def says(address: str, service: str) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
    return int(answer.status)


async def test_each_ends_with_zero_on_sigterm_within_its_grace(carnet_from_images: ContainedCarnet) -> None:
    """The last test of this file: it stops the system, in the order of `make run`."""
    for name in ("documents-1", "documents", "consent", "identity", "audit"):
        code, took = carnet_from_images.containers[name].stop(GRACE)
        assert code == 0, f"{name}: {code}\n{carnet_from_images.said()}"
        assert took < GRACE, name
