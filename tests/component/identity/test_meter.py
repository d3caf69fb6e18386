"""How often a professional may look for persons, and what guessing finds out (S4)."""

import random
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from carnet_dev.redis_server import RedisServer
from carnet_identity.domain.ins import NIR_TEST, Ins, key_of
from carnet_identity.domain.rate import Rates
from carnet_identity.storage.indexes import open_collections
from carnet_platform.errors import NotFound, Refusal, ResourceExhausted, Unavailable
from carnet_platform.idempotency import Requests
from carnet_platform.redis import open_redis
from component.identity.looking import KEYS, LICENCE, OFTEN, Rules, World, acting, person
from structlog.testing import capture_logs

HER = person(1)
MINUTE, DAY = 60, 86_400
FEW = Rates(professional_minute=5, professional_day=12, structure_minute=8, structure_day=1_000)


@pytest.fixture(autouse=True)
def chloe() -> Iterator[None]:
    with acting("chloe", "TREATMENT"):
        yield


async def opened(database: tuple[Any, Any], rules: Rules) -> World:
    world = World(database[0], await open_collections(database[1]), await Requests.open(database[1], KEYS), rules)
    await world.log_in("chloe", "bruno")
    await world.register(HER)
    return world


@pytest.fixture
async def world(database: tuple[Any, Any]) -> World:
    """Few of each are allowed; Redis is lost, and this is the only process."""
    return await opened(database, Rules(FEW, FEW))


def guess(chance: random.Random) -> Ins:
    """A number that is well formed and nobody's."""
    thirteen = f"1{chance.randrange(100):02}0651{chance.randrange(1000):03}{chance.randrange(1000):03}"
    return Ins(thirteen + key_of(thirteen), NIR_TEST)


async def outcome(world: World, ins: Ins) -> str:
    try:
        return (await world.look_up(ins)).name
    except Refusal as refusal:
        return refusal.reason


async def test_a_rate_is_of_a_minute_and_of_a_day_and_says_when_to_ask_again(world: World) -> None:
    assert [await outcome(world, HER.ins) for _ in range(6)] == [HER.name] * 5 + ["RATE_LIMITED"]
    world.clock.seconds += MINUTE - 10
    with pytest.raises(ResourceExhausted) as raised:
        await world.look_up(HER.ins)
    assert raised.value.retry_after == timedelta(seconds=10)
    world.clock.seconds += 10
    assert [await outcome(world, HER.ins) for _ in range(6)] == [HER.name] * 5 + ["RATE_LIMITED"]
    world.clock.seconds += MINUTE
    with pytest.raises(ResourceExhausted) as raised:
        await world.look_up(HER.ins)
    assert raised.value.retry_after == timedelta(seconds=DAY - 2 * MINUTE), "twelve a day, of which those refused count too"
    world.clock.seconds += DAY
    assert await outcome(world, HER.ins) == HER.name


async def test_a_structure_has_a_rate_of_its_own_and_searches_are_counted_apart(world: World) -> None:
    assert [await outcome(world, HER.ins) for _ in range(5)] == [HER.name] * 5
    assert (await world.search(LICENCE)).candidates, "a search is another rate"
    with acting("bruno", "TREATMENT"):
        assert [await outcome(world, HER.ins) for _ in range(4)] == [HER.name] * 3 + ["RATE_LIMITED"]


async def test_an_emergency_is_never_refused_and_alarmed_all_the_same(world: World) -> None:
    """rules.md 10."""
    with acting("chloe", "BREAK_GLASS"), capture_logs() as logged:
        for _ in range(20):
            assert (await world.search(LICENCE)).candidates
            assert await outcome(world, HER.ins) == HER.name
    told = [(line["rate"], line["who"]) for line in logged if line["event"] == "patient.rate_passed"]
    assert ("SEARCH_EMERGENCY_MINUTE", "professionals/chloe") in told
    assert ("LOOKUP_EMERGENCY_MINUTE", "structures/hospital") in told
    assert len(told) == len(set(told)), "each once in its window"
    await world.meter.close()
    passed = [one for one in world.journal.taken() if one["kind"] == "patient.rate_passed"]
    assert {one["decision"] for one in passed} == {"permit"}
    with acting("chloe", "TREATMENT"):
        assert await outcome(world, HER.ins) == HER.name, "what an emergency needed is not held against her afterwards"


async def test_an_alarm_that_cannot_be_recorded_stops_no_emergency(world: World) -> None:
    with acting("chloe", "BREAK_GLASS"):
        for _ in range(6):
            await world.search(LICENCE)

        async def fail_for_alarms() -> None:
            raise Unavailable("EVENT_NOT_DURABLE", "the store does not answer")

        world.journal.meanwhile = fail_for_alarms
        with pytest.raises(Unavailable, match="EVENT_NOT_DURABLE"):
            await world.search(LICENCE)
        world.journal.meanwhile = None
        assert (await world.search(LICENCE)).candidates


async def test_a_refused_question_is_not_looked_into_and_an_alarm_is_two_events_a_minute_at_most(world: World) -> None:
    """S4: throttled, alarm; A5: refusals make no flood of events."""
    chance = random.Random(4)
    with capture_logs() as logged:
        outcomes = Counter([await outcome(world, guess(chance)) for _ in range(500)])
    assert outcomes == {"NOT_FOUND": 5, "RATE_LIMITED": 495}
    assert all(line["log_level"] == "error" for line in logged)
    told = {(line["rate"], line["who"]) for line in logged if line["event"] == "patient.rate_passed"}
    assert told == {
        ("LOOKUP_MINUTE", "professionals/chloe"),
        ("LOOKUP_DAY", "professionals/chloe"),
        ("LOOKUP_MINUTE", "structures/hospital"),
    }
    await world.meter.close()
    events = Counter((one["kind"], one.get("subject", "")) for one in world.journal.taken())
    assert events.pop(("patient.looked_up", "")) == 5
    assert set(events) == {("patient.rate_passed", "professionals/chloe"), ("patient.rate_passed", "structures/hospital")}
    assert max(events.values()) <= 2


async def test_a_hundred_thousand_guesses_would_take_months(world: World) -> None:
    """S4 in a bounded form: by the rate of a day, whatever the pace, no more than twelve guesses a day are answered."""
    chance, answered = random.Random(5), 0
    for _ in range(3):
        for _ in range(30):
            answered += await outcome(world, guess(chance)) == "NOT_FOUND"
            world.clock.seconds += 20
        world.clock.seconds += DAY - 30 * 20
    assert answered <= 3 * FEW.professional_day


async def test_known_and_unknown_numbers_take_the_same_time_and_so_do_refused_ones(database: tuple[Any, Any]) -> None:
    """S4: uniform answer and timing. How often one takes longer than the other, of interleaved pairs: a half, were they alike."""
    world, chance = await opened(database, Rules(OFTEN, OFTEN)), random.Random(6)
    for _ in range(20):
        await outcome(world, HER.ins)
    assert 0.3 < await longer(world, lambda: HER.ins, lambda: guess(chance), pairs=300) < 0.7
    limited = await opened_again(world, database)
    for _ in range(6):
        await outcome(limited, HER.ins)
    assert 0.3 < await longer(limited, lambda: HER.ins, lambda: guess(chance), pairs=300) < 0.7
    with pytest.raises(NotFound) as unknown:
        await world.look_up(guess(chance))
    with pytest.raises(NotFound) as other:
        await world.look_up(guess(chance))
    assert (unknown.value.message, unknown.value.field) == (other.value.message, other.value.field)


async def opened_again(world: World, database: tuple[Any, Any]) -> World:
    """The same stores, with few questions allowed."""
    return World(world.client, world.collections, await Requests.open(database[1], KEYS), Rules(FEW, FEW))


async def longer(world: World, first: Any, second: Any, pairs: int) -> float:  # noqa: ANN401 - two makers of numbers
    """The share of pairs in which the first takes longer (Mann-Whitney's U over the product of the sizes): robust, without a scale."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        for into, ins in zip(times, (first(), second()), strict=True):
            began = time.perf_counter()
            await outcome(world, ins)
            into.append(time.perf_counter() - began)
    ordered = sorted(times[1])
    wins = sum((bisect_left(ordered, one) + bisect_right(ordered, one)) / 2 for one in times[0])
    return wins / (pairs * pairs)


@pytest.fixture
async def shared(database: tuple[Any, Any], own_redis: RedisServer) -> AsyncIterator[World]:
    """Few of each are allowed, counted in Redis."""
    client = open_redis(own_redis.url)
    await client.flushall()
    yield await opened(database, Rules(FEW, FEW, client))
    await client.aclose()


@pytest.mark.parametrize("fault", ["gone", "hung", "flushed"])
async def test_a_redis_that_is_lost_lets_nobody_ask_more_and_stops_no_emergency(shared: World, own_redis: RedisServer, fault: str) -> None:
    """R6: slower, never wider."""
    assert [await outcome(shared, HER.ins) for _ in range(4)] == [HER.name] * 4
    if fault == "gone":
        own_redis.kill()
    elif fault == "hung":
        own_redis.stop()
    else:
        client = open_redis(own_redis.url)
        await client.flushall()
        await client.aclose()
    try:
        assert [await outcome(shared, HER.ins) for _ in range(3)] == [HER.name] + ["RATE_LIMITED"] * 2
        with acting("chloe", "BREAK_GLASS"):
            for _ in range(12):
                assert (await shared.search(LICENCE)).candidates
    finally:
        own_redis.cont()
        own_redis.restart()
    assert await outcome(shared, HER.ins) == "RATE_LIMITED"
