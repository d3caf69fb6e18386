"""The gap watch on a real store: what is missing is told within a minute, and never by a person's identifier."""

from datetime import timedelta
from typing import Any

import pytest
from carnet_audit.usecases.watch import GapWatch
from component.audit.world import RECORD, World, Writer, change, open_world


@pytest.fixture
async def world(database: tuple[Any, Any]) -> World:
    return await open_world(database)


async def take_in(world: World, writer: Writer) -> None:
    await world.intake.register("documents", writer.stream, writer.public_key)
    await world.intake.append("documents", writer.stream, writer.batches(1))


def watch_of(world: World) -> GapWatch:
    return GapWatch(
        world.gaps,
        world.clock,
        world.alarm,
        silence=timedelta(seconds=30),
        missing=timedelta(seconds=60),
        every=timedelta(seconds=5),
    )


async def test_a_silent_stream_raises_one_alarm_and_a_closed_one_none(world: World) -> None:
    """A4: a stream that stops without closing is told within a minute, once a silence."""
    silent, closed = Writer("silent"), Writer("closed")
    await take_in(world, silent)
    await world.intake.register("consent", "closed", closed.public_key)
    await world.intake.append("consent", "closed", [closed.batch()])
    watch = watch_of(world)
    world.clock.moved = timedelta(seconds=29)
    await watch.look()
    assert world.alarms == []
    world.clock.moved = timedelta(seconds=31)
    await watch.look()
    await watch.look()
    assert world.alarms == [{"kind": "stream_silent", "stream": "silent", "producer": "documents"}]
    await world.intake.append("documents", "silent", [])
    world.clock.moved = timedelta(seconds=70)
    await watch.look()
    assert len(world.alarms) == 2


async def test_a_missing_revision_and_a_suppressed_event_raise_alarms(world: World) -> None:
    """A4: a suppressed event alarms within 60 s."""
    await take_in(world, Writer())
    await world.intake.change("consent", [change(2)])
    await world.intake.append("documents", "s1", [])
    await world.collections.events.delete_one({"number": 1, "producer": "documents/streams/s1"})
    watch = watch_of(world)
    await watch.look()
    assert world.alarms == [{"kind": "hole", "place": "streams/s1"}]
    world.clock.moved = timedelta(seconds=61)
    await world.intake.append("documents", "s1", [])
    await watch.look()
    assert world.alarms[1:] == [{"kind": "revision_missing", "producer": "consent", "waiting": 1}]
    assert RECORD not in str(world.alarms)
