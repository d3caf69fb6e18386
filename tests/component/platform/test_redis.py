"""Redis, which may be lost: an attempt gives its answer or, at no great cost, None."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from carnet_platform.clock import SystemClock
from carnet_platform.redis import PATIENCE, Losable, open_redis
from redis.asyncio import Redis
from support.stores_fixtures import TestStores
from support.waiting import eventually_answers


@pytest.fixture
async def redis(stores: TestStores) -> AsyncIterator[Redis]:
    client = open_redis(stores.redis_url)
    yield client
    await client.aclose()


async def test_an_attempt_gives_what_redis_answered(redis: Redis) -> None:
    losable, patient = Losable(redis, SystemClock()), timedelta(seconds=5)  # a busy machine may need more than a caller would wait

    assert await losable.attempt(lambda client: client.set("a", b"1"), within=patient) is True
    assert await losable.attempt(lambda client: client.get("a"), within=patient) == b"1"
    assert await losable.attempt(lambda client: client.get("b"), within=patient) is None
    assert not losable.is_resting


@pytest.mark.parametrize("trouble", ["hung", "gone"])
async def test_a_lost_redis_costs_its_patience_once_and_then_nothing_for_a_second(redis: Redis, stores: TestStores, trouble: str) -> None:
    """R6."""
    losable, server = Losable(redis, SystemClock()), stores.redis
    assert server is not None
    assert await losable.attempt(lambda client: client.set("a", b"1"), within=timedelta(seconds=5)) is True
    (server.stop if trouble == "hung" else server.kill)()
    try:
        start = time.perf_counter()
        assert await losable.attempt(lambda client: client.get("a")) is None
        assert time.perf_counter() - start < 10 * PATIENCE.total_seconds()

        start = time.perf_counter()
        for _ in range(1000):
            assert await losable.attempt(lambda client: client.get("a")) is None
        assert time.perf_counter() - start < PATIENCE.total_seconds() * 10
    finally:
        (server.cont if trouble == "hung" else server.restart)()

    async def is_back() -> bool:
        return await losable.attempt(lambda client: client.ping()) is not None

    await eventually_answers(is_back)


async def test_a_redis_that_came_back_answers_at_the_first_attempt(redis: Redis, stores: TestStores) -> None:
    """R6: connections that broke while nobody looked cost nobody his login."""
    server = stores.redis
    assert server is not None
    await asyncio.gather(*(redis.ping() for _ in range(8)))
    server.kill()
    server.restart()
    other = open_redis(stores.redis_url)
    await other.ping()  # meanwhile the end of the broken connections is noticed
    await other.aclose()
    assert [await redis.ping() for _ in range(8)] == [True] * 8


async def test_a_process_without_redis_gets_none() -> None:
    assert await Losable(None, SystemClock()).attempt(lambda client: client.get("a")) is None
