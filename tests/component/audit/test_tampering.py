"""What somebody who may write to audit's database, and holds none of its keys, can do to the log: nothing that is not refused or told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from carnet_audit.storage.histories import HistoryStore
from carnet_audit.storage.log import FencedError
from carnet_audit.storage.seals import DamagedLogError
from carnet_verify.checkpoint import Checkpoint, open_checkpoint, parse_body
from component.audit.world import OTHER_RECORD, RECORD, SIGNER, World, Writer, change, open_world, payload
from support.waiting import eventually_answers

KEY = SIGNER.verifier_key()
LAST, LINES = 11, 12
Rows = dict[str, Any]


@pytest.fixture
async def world(database: tuple[Any, Any]) -> World:
    return await open_world(database)


async def take_in(world: World, writer: Writer, batches: int, record: str = RECORD) -> None:
    await world.intake.register("documents", writer.stream, writer.public_key)
    await world.intake.append("documents", writer.stream, writer.batches(batches, record=record))


async def shorten(world: World, count: int) -> None:
    """Take the patient's lines above `count` away."""
    await world.collections.lines.delete_many({"view": "patient", "number": {"$gt": count}})


async def row_of(world: World, line: int) -> Rows:
    found = await world.collections.leaves.find_one({"_id": world.log.leaf_id(line - 1)})
    assert found is not None
    return found


async def replay_head(world: World) -> None:
    """Put the record's counts back to what they were, seal and all."""
    head = await world.collections.heads.find_one({"_id": RECORD})
    assert head is not None
    await take_in(world, Writer("later"), 1)
    await world.sequence()
    await world.collections.heads.replace_one({"_id": RECORD}, head)


async def rewrite_head(world: World) -> None:
    await world.collections.heads.update_one({"_id": RECORD}, {"$set": {"patient": 10}})


async def delete_head(world: World) -> None:
    await world.collections.heads.delete_one({"_id": RECORD})


async def copy_head(world: World) -> None:
    other = await world.collections.heads.find_one({"_id": OTHER_RECORD})
    assert other is not None
    await world.collections.heads.replace_one({"_id": RECORD}, {**other, "_id": RECORD})


@pytest.mark.parametrize("tamper", [rewrite_head, replay_head, delete_head, copy_head])
async def test_a_shortened_history_is_neither_counted_nor_gone_on_from_and_raises_an_alarm(
    world: World, tamper: Callable[[World], Awaitable[None]]
) -> None:
    """A8: lines deleted, and the count made to fit: altered, put back to an old one, taken away, or another record's."""
    await take_in(world, Writer(), 4)
    await take_in(world, Writer("other"), 3, record=OTHER_RECORD)
    await world.sequence()
    assert await world.gaps.holes() == []
    await tamper(world)
    await shorten(world, 10)
    size = (await world.log.read_term()).size
    for count in (world.histories.count(RECORD, "patient"), world.histories.count_at(RECORD, "patient", size)):
        with pytest.raises(DamagedLogError):
            await count
    assert await world.gaps.holes() == ["counts"]
    assert await world.histories.count(OTHER_RECORD, "patient") == 9
    await take_in(world, Writer("more"), 1)
    with pytest.raises(DamagedLogError):
        await world.sequence()


async def test_lines_said_to_be_later_than_the_checkpoint_are_counted_all_the_same(world: World) -> None:
    """A8: what is after the checkpoint is asked of the leaves, not of the lines."""
    await take_in(world, Writer(), 4)
    await world.sequence()
    await world.collections.lines.update_many({"number": {"$gt": 10}}, {"$set": {"leaf": 99}})
    assert await world.histories.count_at(RECORD, "patient", LINES) == LINES
    assert await world.histories.count_at(RECORD, "patient", 10) == 10, "as of an earlier checkpoint"


async def test_a_leaf_moved_behind_the_checkpoint_stops_the_count(world: World) -> None:
    """A8: the tag of a line under another leaf, where the count would not reach it."""
    await take_in(world, Writer(), 4)
    await take_in(world, Writer("other"), 1, record=OTHER_RECORD)
    await world.sequence()
    row = await row_of(world, LINES)
    await world.collections.leaves.update_one({"_id": row["_id"]}, {"$unset": {"tags": 1}})
    await world.collections.leaves.update_one({"_id": world.log.leaf_id(14)}, {"$set": {"tags": row["tags"]}})
    with pytest.raises(DamagedLogError):
        await world.histories.count_at(RECORD, "patient", LAST)
    assert "log" in await world.gaps.holes()


async def test_leaves_whose_tags_were_taken_off_to_hide_lines_raise_an_alarm(world: World) -> None:
    """A4: an old count is put back and the leaves that contradict it are stripped: the watch meets their seals."""
    await take_in(world, Writer(), 3)
    await world.sequence()
    await world.gaps.holes()
    await replay_head(world)
    await shorten(world, 9)
    await world.collections.leaves.update_many({"_id": {"$gte": world.log.leaf_id(9)}}, {"$unset": {"tags": 1}})
    assert "log" in await world.gaps.holes()
    assert await world.gaps.holes() == [], "each damage is told once"


async def forge(world: World, changes: Rows, *, is_sealed: bool) -> None:
    """Lay a checkpoint there as if a sequencer had died before it signed."""
    newest = await world.log.newest_checkpoint()
    assert newest is not None
    forged = replace(parse_body(newest["body"]), number=2, **changes)
    place = f"0/{2:015d}"
    seal = world.log.seals.seal_checkpoint(place, forged.body()) if is_sealed else newest["seal"]
    row = {"_id": place, "shard": "0", "number": 2, "size": forged.size, "body": forged.body(), "seal": seal}
    await world.collections.checkpoints.insert_one(row)


FORGED: list[Rows] = [{"root": bytes(32)}, {"size": 3}, {"size": 99}, {"origin": "carnet/log/1"}]
CASES = [(row, is_sealed) for row in FORGED for is_sealed in (True, False)] + [({"time": "2099-01-01T00:00:00Z"}, False)]


@pytest.mark.parametrize(("changes", "is_sealed"), CASES)
async def test_a_checkpoint_that_is_not_the_logs_is_never_signed_and_raises_the_alarm(
    world: World, changes: Rows, *, is_sealed: bool
) -> None:
    """A2: neither another root, nor a size the log has not, nor another log's name; nor a true one that nobody here made."""
    await take_in(world, Writer(), 2)
    await world.sequence()
    await forge(world, changes, is_sealed=is_sealed)
    running = asyncio.create_task(world.sequencer(patience=0).run())

    async def is_told() -> bool:
        return bool(world.alarms)

    await eventually_answers(is_told)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert world.alarms[0]["kind"] == "log_damaged"
    assert await world.collections.checkpoints.count_documents({"note": {"$exists": True}}) == 1


async def test_a_sequencer_whose_term_is_over_keeps_no_signature(world: World) -> None:
    await take_in(world, Writer(), 2)
    sleeper, other = world.sequencer(patience=0), world.sequencer(patience=0)
    old = await sleeper.wait_for_turn()
    frontier, _ = await sleeper.integrate(old, await sleeper.resume(old))
    checkpoint = Checkpoint(SIGNER.name, frontier.size, frontier.root(), 1, "2026-11-21T11:04:56Z")
    await world.log.add_checkpoint(old.term, 1, frontier.size, checkpoint.body())
    await other.wait_for_turn()
    with pytest.raises(FencedError):
        await world.log.add_note(old.term, 1, checkpoint.sign(SIGNER))
    assert await world.log.newest_checkpoint() is None


async def test_a_log_whose_newest_checkpoint_was_rewritten_is_not_written_to(world: World) -> None:
    """A2: a body beside the note, or a note nobody signed, does not make a rolled-back log a whole one."""
    await take_in(world, Writer(), 2)
    await world.sequence()
    newest = await world.log.newest_checkpoint()
    assert newest is not None
    rolled = replace(open_checkpoint(newest["note"], KEY), size=0)
    await world.collections.terms.update_one({}, {"$set": {"size": 0}})
    sequencer = world.sequencer(patience=0)
    for changes in ({"body": rolled.body()}, {"note": newest["note"].replace("\n6\n", "\n0\n")}):
        await world.collections.checkpoints.update_one({}, {"$set": changes})
        with pytest.raises(DamagedLogError):
            await sequencer.resume(await sequencer.wait_for_turn())


async def test_nodes_altered_where_nothing_was_signed_yet_are_not_gone_on_from(world: World) -> None:
    """A2: the frontier is found again from sealed rows only."""
    await take_in(world, Writer(), 2)
    sequencer = world.sequencer(patience=0)
    term = await sequencer.wait_for_turn()
    await sequencer.integrate(term, await sequencer.resume(term))
    await world.collections.leaves.update_one({"_id": world.log.leaf_id(5)}, {"$set": {"nodes.1": bytes(32)}})
    with pytest.raises(DamagedLogError):
        await sequencer.resume(await sequencer.wait_for_turn())


STREAM, CHANGES = "documents/streams/s1", f"consent/changes/{RECORD}"
HIDDEN: list[Rows] = [{"state": "logged"}, {"state": "logged", "leaf": 0}, {"state": "waiting"}]


@pytest.mark.parametrize("hidden", HIDDEN, ids=["logged", "logged as another's leaf", "waiting"])
@pytest.mark.parametrize(("producer", "place"), [(STREAM, "streams/s1"), (CHANGES, "consent/changes")])
async def test_an_event_taken_in_and_kept_from_the_sequencer_raises_an_alarm(world: World, producer: str, place: str, hidden: Rows) -> None:
    """A4: it is called integrated, or early, and no leaf names it."""
    await take_in(world, Writer(), 1)
    await world.intake.change("consent", [change(1), change(2)])
    await world.collections.events.update_one({"producer": producer, "number": 1}, {"$set": hidden})
    assert await world.gaps.holes() == [place]
    await world.sequence()
    assert await world.gaps.holes() == []
    assert RECORD not in str(await world.gaps.holes())


async def test_an_event_hidden_after_it_was_first_looked_at_raises_an_alarm(world: World) -> None:
    """A4: what was still to be integrated is looked at again."""
    await take_in(world, Writer(), 1)
    assert await world.gaps.holes() == []
    await world.collections.events.update_one({"number": 2}, {"$set": {"state": "logged", "leaf": 2}})
    assert await world.gaps.holes() == ["streams/s1"]


@pytest.mark.parametrize("name", ["leaves", "events"])
async def test_what_is_deleted_long_after_it_was_looked_at_raises_an_alarm(world: World, name: str) -> None:
    """A4: everything is gone over again."""
    await take_in(world, Writer(), 2)
    await world.sequence()
    for _ in range(2):
        assert await world.gaps.holes() == []
    rows = getattr(world.collections, name)
    await rows.delete_one({"_id": world.log.leaf_id(3) if name == "leaves" else f"{STREAM}/{3:015d}"})
    assert sorted(await world.gaps.holes()) == ["log", "streams/s1"]


PROJECTION: list[Rows] = [
    {"kind": "document.listed"},
    {"time": "2020-01-01T00:00:00Z"},
    {"hidden_from": ["patient", "representatives"]},
    {"number": 7},
    {"producer": "documents/streams/s9"},
]


@pytest.mark.parametrize("altered", PROJECTION, ids=[next(iter(row)) for row in PROJECTION])
async def test_a_leaf_says_what_was_sealed_whatever_lies_beside_it(world: World, altered: Rows) -> None:
    """A4: an event about to be integrated cannot be hidden from the holder, renamed or dated otherwise."""
    writer = Writer()
    await world.intake.register("documents", "s1", writer.public_key)
    await world.intake.append("documents", "s1", [writer.batch(payload(1))])
    await world.collections.events.update_one({}, {"$set": altered})
    await world.sequence()
    histories: HistoryStore = world.histories
    (line,) = [line async for lines in histories.prove(RECORD, "patient", 1, 1) for line in lines]
    assert (line.number, line.leaf.kind, line.leaf.time[:4]) == (1, "document.read", "2026")
    assert await world.gaps.holes() == []


@pytest.mark.parametrize("altered", [{"commitment": bytes(32)}, {"record": OTHER_RECORD}, {"record": ""}, {"sealed": bytes(64)}])
async def test_an_event_that_is_not_what_was_taken_in_is_not_integrated(world: World, altered: Rows) -> None:
    await take_in(world, Writer(), 1)
    await world.collections.events.update_one({"number": 1}, {"$set": altered})
    with pytest.raises(DamagedLogError):
        await world.sequence()
    assert await world.collections.leaves.count_documents({}) == 0
