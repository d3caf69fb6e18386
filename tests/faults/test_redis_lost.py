"""Redis holds what may be lost: without it decisions stay right and emergencies go on; only who logs in anew waits."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from carnet.identity.v1.session_service_pb2 import ExchangeAssertionRequest
from carnet_client import Refused
from carnet_client.refusals import telling_refusals
from carnet_dev.demo.cast import Cast
from redis.asyncio import Redis
from support.answers import refusal
from support.people import TREATMENT
from support.scenes import Scene, break_glass, played
from support.waiting import eventually_given

from faults.conftest import Fragile

BACK = timedelta(seconds=60)
EMERGENCY_PATIENCE = 5.0
"""Seconds in which the glass is broken and a document read, on a machine that is busy."""


async def check_decisions(scene: Scene) -> None:
    """Who may reads, who may not is refused with the reason, and the glass can be broken."""
    assert (await scene.doctor.read(scene.document)).content == scene.content
    assert (await refusal(scene.stranger.read(scene.document))).brief == ("PERMISSION_DENIED", "NEEDS_CONSENT")
    began = time.monotonic()
    await break_glass(scene.emergency, scene.somebody.record)
    assert (await scene.emergency.read(scene.document)).content == scene.content
    assert time.monotonic() - began < EMERGENCY_PATIENCE


async def exchange(scene: Scene, assertion: str) -> str:
    """Exchange an assertion of Alice's for a token, without trying again."""
    structure = (await scene.member("alice")).structure
    request = ExchangeAssertionRequest(assertion=assertion, purpose=TREATMENT, structure=structure)
    with telling_refusals():
        return (await scene.doctor.connection.sessions.ExchangeAssertion(request, timeout=10)).access_token


async def logged_in(cast: Cast) -> None:
    """Return once a new assertion is taken: those issued in the second in which Redis was found empty are not."""
    alice = await cast.member("alice")
    passing = {"ASSERTION_INVALID", "DEPENDENCY_UNAVAILABLE"}
    await eventually_given(
        lambda: cast.session("alice", "software/gp", TREATMENT, alice.structure),
        lambda error: isinstance(error, Refused) and error.reason in passing,
        BACK,
    )


@pytest.mark.parametrize("fault", ["gone", "hung", "full"])
async def test_without_redis_decisions_stay_right_and_the_glass_breaks_and_only_new_log_ins_wait(fragile: Fragile, fault: str) -> None:
    """R6, C7: an assertion is never taken on trust; who has a token does not notice."""
    async with played(fragile.run) as scene, harmed_redis(fragile, fault):
        await check_decisions(scene)
        assertion = await fragile.run.assertion("alice")()
        refused = await refusal(exchange(scene, assertion))
        assert (refused.brief, refused.retry_after is not None) == (("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE"), True)
    async with played(fragile.run) as scene:
        await check_decisions(scene)


@asynccontextmanager
async def harmed_redis(fragile: Fragile, fault: str) -> AsyncIterator[None]:
    """Within, Redis is as `fault` says; afterwards it takes assertions again."""
    if fault == "gone":
        fragile.redis.kill()
    elif fault == "hung":
        fragile.redis.stop()
    else:
        await in_redis(fragile, "CONFIG", "SET", "maxmemory", "1")
    try:
        yield
    finally:
        fragile.redis.cont()
        fragile.redis.restart()
        async with Cast(fragile.run.folder) as cast:
            await logged_in(cast)


async def test_a_redis_that_forgot_or_was_forged_lets_no_assertion_be_exchanged_twice(fragile: Fragile) -> None:
    """R6, S1: flushed, and filled with an epoch nobody sealed; whoever logs in anew is let in."""
    async with played(fragile.run) as scene:
        used = await fragile.run.assertion("alice")()
        await exchange(scene, used)
        assert (await refusal(exchange(scene, used))).brief == ("UNAUTHENTICATED", "ASSERTION_INVALID")
        for commands in ([("FLUSHALL",)], [("FLUSHALL",), ("SET", "identity:assertion-epoch", "2020-01-01T00:00:00+00:00 00")]):
            for command in commands:
                await in_redis(fragile, *command)
            assert (await refusal(exchange(scene, used))).code == "UNAUTHENTICATED"
            await check_decisions(scene)
            await logged_in(scene.cast)
            assert (await refusal(exchange(scene, used))).code == "UNAUTHENTICATED"


async def in_redis(fragile: Fragile, *command: str) -> None:
    """Run a command in Redis itself."""
    async with Redis.from_url(fragile.redis.url) as client:
        await client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis does not type it
