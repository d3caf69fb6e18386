"""Intake on a real store: in order, once, from the right service, or not at all."""

import asyncio
import os
from dataclasses import replace
from typing import Any

import pytest
from carnet_platform.errors import Aborted, Denied, FailedPrecondition, InvalidArgument, NotFound
from carnet_platform.journal.batch import SealedEvent
from carnet_platform.shipping import MAX_CHANGES, SEND_TIME
from component.audit.world import RECORD, World, Writer, all_of, change, open_world, payload
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymongo import MongoClient
from support.stores_fixtures import TestStores

BOTH = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)


@pytest.fixture
async def world(database: tuple[Any, Any]) -> World:
    return await open_world(database)


async def register(world: World, writer: Writer, service: str = "documents") -> int:
    return await world.intake.register(service, writer.stream, writer.public_key)


@BOTH
async def test_batches_are_kept_in_order_and_acknowledged_again(world: World) -> None:
    writer = Writer()
    assert await register(world, writer) == 0
    first, second = writer.batches(2)
    assert await world.intake.append("documents", "s1", [first]) == 3
    assert await world.intake.append("documents", "s1", [first, second]) == 6
    assert await world.intake.append("documents", "s1", [second]) == 6
    assert await all_of(world) == 6
    assert await register(world, writer) == 6, "a shipper that asks again goes on from there"


async def test_a_gap_is_refused_with_the_number_expected(world: World) -> None:
    writer = Writer()
    await register(world, writer)
    first, second, third = writer.batches(3)
    await world.intake.append("documents", "s1", [first])
    with pytest.raises(FailedPrecondition) as caught:
        await world.intake.append("documents", "s1", [third])
    assert (caught.value.reason, caught.value.metadata) == ("SEQUENCE_GAP", {"expected": "3"})
    assert await world.intake.append("documents", "s1", [second, third]) == 9


async def test_another_content_at_a_taken_place_is_a_conflict(world: World) -> None:
    writer = Writer()
    await register(world, writer)
    twin = Writer()
    twin.key = writer.key
    await world.intake.append("documents", "s1", [writer.batch(payload(1)), writer.batch(payload(2))])
    for batch in (twin.batch(payload(9)), twin.batch(payload(2)), twin.batch(payload(3))):
        with pytest.raises(Aborted) as caught:
            await world.intake.append("documents", "s1", [batch])
        assert caught.value.reason == "SEQUENCE_CONFLICT"
    assert await all_of(world) == 2


async def test_a_forged_or_broken_batch_is_refused(world: World) -> None:
    writer = Writer()
    await register(world, writer)
    batch = writer.batch(payload(1), payload(2))
    other = Ed25519PrivateKey.generate()
    broken = [
        replace(batch, signature=other.sign(b"anything")),
        replace(batch, head=os.urandom(32)),
        replace(batch, prev_head=os.urandom(32)),
        replace(batch, events=batch.events[::-1]),
        replace(batch, events=(batch.events[0], SealedEvent(batch.events[1].salt, payload(3)))),
        replace(batch, events=()),
        replace(batch, closing=True),
        replace(batch, signature=b""),
    ]
    for forged in broken:
        with pytest.raises(InvalidArgument, match="INVALID_FIELD"):
            await world.intake.append("documents", "s1", [forged])
    assert await all_of(world) == 0


async def test_no_service_can_write_another_ones_stream(world: World) -> None:
    """A7: neither by its name, nor by registering it, nor with its key."""
    writer = Writer()
    await register(world, writer)
    batch = writer.batch(payload(1))
    with pytest.raises(Denied, match="CALLER_NOT_ALLOWED"):
        await world.intake.append("consent", "s1", [batch])
    with pytest.raises(Denied, match="CALLER_NOT_ALLOWED"):
        await register(world, writer, "consent")
    with pytest.raises(Aborted, match="SEQUENCE_CONFLICT"):
        await register(world, Writer())
    with pytest.raises(NotFound):
        await world.intake.append("documents", "unknown", [batch])
    assert await all_of(world) == 0


async def test_a_subject_is_the_calling_services_own(world: World) -> None:
    """A7: two services may both have a subject of that name; neither sees or fills the other's revisions."""
    await world.intake.change("consent", [change(1)])
    await world.intake.change("documents", [change(1)])
    producers = await world.collections.events.distinct("producer")
    assert producers == [f"consent/changes/{RECORD}", f"documents/changes/{RECORD}"]


async def test_a_closed_stream_stays_closed(world: World) -> None:
    writer = Writer()
    await register(world, writer)
    batch, closing = writer.batch(payload(1)), writer.batch()
    assert await world.intake.append("documents", "s1", [batch, closing]) == 1
    assert await world.intake.append("documents", "s1", [closing]) == 1
    with pytest.raises(Aborted, match="SEQUENCE_CONFLICT"):
        await world.intake.append("documents", "s1", [writer.batch(payload(2))])


async def test_the_same_batches_sent_at_once_are_stored_once(world: World) -> None:
    writer = Writer()
    await register(world, writer)
    batches = writer.batches(4)
    answers = await asyncio.gather(*(world.intake.append("documents", "s1", batches) for _ in range(4)))
    assert answers == [12] * 4
    assert await all_of(world) == 12


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b'{"kind":"a"}', b'{"time":"t","kind":"a"}', b'{"kind": "a","time":"t"}', b"\xff", payload(record="patients/a")],
)
async def test_a_text_that_is_no_event_is_refused(world: World, text: bytes) -> None:
    writer = Writer()
    await register(world, writer)
    with pytest.raises(InvalidArgument) as caught:
        await world.intake.append("documents", "s1", [writer.batch(text)])
    assert caught.value.field == "batches[0].events[0].payload"


@BOTH
async def test_changes_are_contiguous_and_later_ones_wait_for_the_missing_one(world: World) -> None:
    changes = [change(revision) for revision in range(1, 6)]
    await world.intake.change("consent", [changes[0], changes[2], changes[4]])
    assert (await all_of(world, ["pending"]), await all_of(world, ["waiting"])) == (1, 2)
    await world.intake.change("consent", [changes[1]])
    assert (await all_of(world, ["pending"]), await all_of(world, ["waiting"])) == (3, 1)
    await world.intake.change("consent", changes)
    assert (await all_of(world, ["pending"]), await all_of(world, ["waiting"])) == (5, 0)
    pending = await world.log.read_pending(10)
    assert [event["number"] for event in pending] == [1, 2, 3, 4, 5]


def asked(stores: TestStores) -> int:
    """How many round trips reading, writing and committing have taken this mongod so far; nobody else uses it meanwhile."""
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
        commands = client.admin.command("serverStatus")["metrics"]["commands"]
    return sum(
        int(commands[name]["total"])
        for name in ("find", "getMore", "insert", "update", "bulkWrite", "commitTransaction")
        if name in commands
    )


@BOTH
async def test_a_backlog_of_several_hundred_subjects_arrives_within_a_senders_patience(world: World, stores: TestStores) -> None:
    """R8: the largest page a sender ships, of records that are all new. A page that takes too long is sent again, perhaps for ever.

    The patience alone would say little on a fast machine, so the round trips are counted as well.
    """
    backlog = [change(1, f"records/{number:026d}") for number in range(MAX_CHANGES)]
    before = asked(stores)
    for _ in ("new", "sent again"):
        async with asyncio.timeout(SEND_TIME.total_seconds()):
            await world.intake.change("consent", backlog)
    assert asked(stores) - before < MAX_CHANGES / 8
    assert (await all_of(world, ["pending"]), await all_of(world)) == (MAX_CHANGES, MAX_CHANGES)
    assert await world.collections.subjects.count_documents({"expected": 2}) == MAX_CHANGES


async def test_another_change_at_a_taken_revision_is_a_conflict(world: World) -> None:
    kept, waiting = change(1), change(3)
    await world.intake.change("consent", [kept, waiting])
    for other in (change(1), change(3)):
        with pytest.raises(Aborted, match="SEQUENCE_CONFLICT"):
            await world.intake.change("consent", [other])
    await world.intake.change("consent", [kept, waiting])


async def test_a_change_about_another_record_than_its_subject_is_refused(world: World) -> None:
    foreign = change(1, "records/cccccccccccccccccccccccccc")
    with pytest.raises(InvalidArgument):
        await world.intake.change("consent", [type(foreign)(RECORD, 1, foreign.event)])


async def test_texts_are_sealed_where_they_rest(world: World) -> None:
    """S9: no title, no name of an acting person beside a record in clear."""
    await world.intake.change("consent", [change(1, motive="un canari")])
    stored = str(await world.collections.events.find_one({}))
    assert "canari" not in stored
    assert "professionals/" not in stored
