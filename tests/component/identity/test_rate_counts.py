"""Rates counted over all processes by Redis, and more strictly without it (R6): gone, hung, flushed, forged."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from carnet_dev.redis_server import RedisServer
from carnet_identity.domain.rate import Counted, Window
from carnet_identity.storage.rate_counts import RateCounts
from carnet_platform.keys import MasterKeys
from carnet_platform.redis import open_redis
from redis.asyncio import Redis
from support.hand_clock import HandClock

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
ALICE = Counted("LOOKUP", "professionals/a", Window.MINUTE, 7)
BRUNO = Counted("LOOKUP", "professionals/b", Window.MINUTE, 7)
SHARE = 0.25
"""Four processes at most."""


class World:
    """Processes that count in one Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.clock = redis, HandClock()

    def process(self) -> RateCounts:
        return RateCounts(self.redis, KEYS, self.clock, share=SHARE)


@pytest.fixture
async def world(own_redis: RedisServer) -> AsyncIterator[World]:
    client = open_redis(own_redis.url)
    await client.flushall()
    yield World(client)
    await client.aclose()


async def counted(process: RateCounts, times: int, one: Counted = ALICE) -> list[int]:
    return [(await process.add([one]))[0] for _ in range(times)]


async def test_processes_count_together_and_each_apart_by_whom_what_and_when(world: World) -> None:
    first, second = world.process(), world.process()
    assert await counted(first, 2) == [1, 2]
    assert await counted(second, 2) == [3, 4]
    others = [
        BRUNO,
        Counted("SEARCH", ALICE.who, ALICE.window, 7),
        Counted("LOOKUP", ALICE.who, Window.DAY, 7),
        Counted("LOOKUP", ALICE.who, ALICE.window, 8),
    ]
    assert await first.add([ALICE, *others]) == (5, 1, 1, 1, 1)


async def test_those_who_count_at_once_are_counted_one_after_the_other(world: World) -> None:
    process = world.process()
    answers = await asyncio.gather(*(process.add([ALICE, BRUNO]) for _ in range(100)))
    assert sorted(answers) == [(number, number) for number in range(1, 101)]


async def test_a_count_ends_with_its_window_and_names_nobody(world: World) -> None:
    await counted(world.process(), 1)
    names = [name async for name in world.redis.scan_iter("*")]
    assert len(names) == 1
    assert b"professionals" not in names[0]
    assert 60 < await world.redis.ttl(names[0]) <= 120


@pytest.mark.parametrize("fault", ["gone", "hung"])
async def test_without_redis_a_process_gives_its_share_beside_what_was_counted_before(
    world: World, own_redis: RedisServer, fault: str
) -> None:
    """R6: slower, never wider."""
    process = world.process()
    await counted(process, 3)
    own_redis.kill() if fault == "gone" else own_redis.stop()
    try:
        began = asyncio.get_running_loop().time()
        assert await counted(process, 3) == [3 + 4, 3 + 8, 3 + 12]
        assert await counted(process, 1, BRUNO) == [4]
        assert asyncio.get_running_loop().time() - began < 2, "a Redis that does not answer is not asked again at once"
    finally:
        own_redis.cont()
        own_redis.restart()
    world.clock.seconds += 2
    assert (await counted(process, 1))[0] >= 3 + 12, "what was given meanwhile stays counted"


async def test_a_redis_that_forgot_gives_nobody_more(world: World) -> None:
    """R6: flushed, set back or forged low."""
    process = world.process()
    assert await counted(process, 10) == list(range(1, 11))
    await world.redis.flushall()
    assert await counted(process, 2) == [10 + 4, 10 + 8]
    name = await anext(world.redis.scan_iter("*"))
    for forged in ("-1000000", "not a number", "0"):
        await world.redis.set(name, forged)
        world.clock.seconds += 2
        assert (await counted(process, 1))[0] > 10 + 8
    await world.redis.delete(name)
    await world.redis.lpush(name, "x")
    world.clock.seconds += 2
    assert (await counted(process, 1))[0] > 10 + 8


async def test_a_process_without_redis_counts_alone(world: World) -> None:
    alone = RateCounts(None, KEYS, world.clock, share=SHARE)
    assert await counted(alone, 2) == [4, 8]


async def test_what_a_process_knows_is_forgotten_with_the_window(world: World) -> None:
    process = world.process()
    for number in range(5):
        await process.add(
            [Counted("LOOKUP", "professionals/a", Window.MINUTE, number), Counted("LOOKUP", "professionals/a", Window.DAY, 1)]
        )
    assert list(process._known) == [(Window.DAY, 1), (Window.MINUTE, 4)]
