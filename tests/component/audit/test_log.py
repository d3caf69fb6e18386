"""Sequencing, numbers, histories and watch on a real store."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from carnet_audit.storage.log import FencedError
from carnet_audit.storage.seals import DamagedLogError
from carnet_verify.checkpoint import open_checkpoint, parse_body
from carnet_verify.history import History, Line, write_history
from carnet_verify.leaf import VIEWS
from carnet_verify.statement import Statement, digest_names, name_checkpoint
from carnet_verify.tree import consistency_ranges, perfect_nodes, prove, proves_consistency, root_of
from carnet_verify.verify import verify_history
from component.audit.world import OTHER_RECORD, RECORD, SIGNER, World, Writer, all_of, change, open_world, payload
from support.waiting import elapsed, eventually_answers

KEY = SIGNER.verifier_key()
HOLDER = "patients/p"
NAMES = {"professionals/b": "Dr Bruno EXEMPLE"}


@pytest.fixture
async def world(database: tuple[Any, Any]) -> World:
    return await open_world(database)


async def take_in(world: World, writer: Writer, batches: int, each: int = 3, **more: object) -> None:
    await world.intake.register("documents", writer.stream, writer.public_key)
    await world.intake.append("documents", writer.stream, writer.batches(batches, each, **more))


async def history_of(world: World, record: str = RECORD, view: str = "patient") -> History:
    """The history as an export would state it."""
    newest = await world.log.newest_checkpoint()
    assert newest is not None
    checkpoint = open_checkpoint(newest["note"], KEY)
    count = await world.histories.count_at(record, view, checkpoint.size)
    lines: list[Line] = []
    async for some in world.histories.prove(record, view, count, checkpoint.size):
        lines += some
    statement = Statement(record, view, HOLDER, count, digest_names(NAMES), name_checkpoint(checkpoint))
    return History("fr", record, view, HOLDER, str(KEY), newest["note"], tuple(lines), NAMES, statement.sign(SIGNER))


async def check_tree(world: World) -> int:
    """The stored leaves make the tree that was signed; the size."""
    hashes = [bytes(leaf["nodes"][0]) async for leaf in world.collections.leaves.find().sort("_id", 1)]
    newest = await world.log.newest_checkpoint()
    assert newest is not None
    signed = open_checkpoint(newest["note"], KEY)
    assert signed.root == root_of(hashes[: signed.size])
    return len(hashes)


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_what_was_taken_in_becomes_numbered_lines_that_verify(world: World) -> None:
    await take_in(world, Writer("s1"), 4)
    await take_in(world, Writer("s2"), 2, record=OTHER_RECORD)
    await world.intake.change("consent", [change(1), change(2)])
    await world.intake.change("identity", [change(1, "patients/p", more="")])
    assert await world.sequence() == 12 + 6 + 2 + 1
    for record, count in ((RECORD, 14), (OTHER_RECORD, 6)):
        for view in VIEWS:
            history = await history_of(world, record, view)
            answer = verify_history(history, key=KEY)
            assert (answer.is_complete, answer.count) == (True, count), answer.problem
    assert await all_of(world, ["pending"]) == 0
    assert await check_tree(world) == 21


async def test_an_event_of_no_record_is_a_leaf_without_a_line(world: World) -> None:
    await world.intake.change("identity", [change(1, "patients/p")])
    assert await world.sequence() == 1
    assert await world.collections.lines.count_documents({}) == 0


async def test_what_is_hidden_from_a_view_takes_no_number_in_it(world: World) -> None:
    """C9, in the log: the representatives' numbers have no gap, their leaves do not show the hiding."""
    writer = Writer()
    await world.intake.register("documents", "s1", writer.public_key)
    hidden = payload(2, hidden_from=["representatives"])
    await world.intake.append("documents", "s1", [writer.batch(payload(1), hidden, payload(3))])
    await world.sequence()
    patient, representatives = await history_of(world), await history_of(world, view="representatives")
    assert verify_history(patient).count == 3
    assert verify_history(representatives).is_complete
    assert [line.number for line in representatives.lines] == [1, 2]
    assert {len(line.leaf.views) for line in patient.lines} == {2}


async def test_an_export_verifies_offline_by_the_command(world: World, tmp_path: Path) -> None:
    """A8: one event left out of the file is named by its number."""
    await take_in(world, Writer(), 20)
    await world.sequence()
    history = await history_of(world)
    whole, damaged = tmp_path / "my-history.json", tmp_path / "damaged.json"
    whole.write_text(write_history(history))
    damaged.write_text(write_history(History(**{**vars(history), "lines": history.lines[:44] + history.lines[45:]})))
    command = [sys.executable, "-m", "carnet_verify.cli", "verify", "--key", str(KEY)]
    good = await asyncio.to_thread(subprocess.run, [*command, str(whole)], capture_output=True, text=True, check=False)
    bad = await asyncio.to_thread(subprocess.run, [*command, str(damaged)], capture_output=True, text=True, check=False)
    assert good.stdout.startswith("60 of 60 events genuine, none left out, up to checkpoint 1 signed ")
    assert good.returncode == 0
    assert bad.stdout.startswith("event 45 was left out")
    assert bad.returncode == 1


async def test_a_line_deleted_from_the_store_shows_in_the_export(world: World) -> None:
    """A8: the count comes from another place than the lines."""
    await take_in(world, Writer(), 2)
    await world.sequence()
    await world.collections.lines.delete_one({"number": 6, "view": "patient"})
    problem = verify_history(await history_of(world)).problem
    assert problem is not None
    assert problem.words == "event 6 was left out: the log counts 6"


async def test_lines_after_the_checkpoint_are_not_counted(world: World) -> None:
    writer = Writer()
    await take_in(world, writer, 2)
    await world.sequence()
    await world.intake.append("documents", "s1", writer.batches(1))
    sequencer = world.sequencer(patience=0)
    term = await sequencer.wait_for_turn()
    await sequencer.integrate(term, await sequencer.resume(term))
    answer = verify_history(await history_of(world))
    assert (answer.is_complete, answer.count) == (True, 6)
    assert await world.histories.count(RECORD, "patient") == 9


async def test_of_two_sequencers_one_is_fenced_and_writes_nothing(world: World) -> None:
    await take_in(world, Writer(), 2)
    sleeper, other = world.sequencer(patience=0), world.sequencer(patience=0)
    old = await sleeper.wait_for_turn()
    frontier = await sleeper.resume(old)
    new = await other.wait_for_turn()
    assert new.term == old.term + 1
    with pytest.raises(FencedError):
        await sleeper.integrate(old, frontier)
    with pytest.raises(FencedError):
        await sleeper.publish(old, frontier, 1)
    grown, _ = await other.integrate(new, await other.resume(new))
    await other.publish(new, grown, 1)
    assert await check_tree(world) == 6


async def test_a_sequencer_killed_at_any_moment_is_followed_by_another_without_loss(world: World) -> None:
    """R1, for the log: cut at random moments, each event is one leaf, the numbers have no gap, checkpoints never go back."""
    writer = Writer()
    await world.intake.register("documents", "s1", writer.public_key)
    sizes: list[int] = []
    for turn in range(12):
        await world.intake.append("documents", "s1", writer.batches(4))
        running = asyncio.create_task(world.sequencer(patience=0, interval=0).run())
        await elapsed(0.003 * turn)  # the moment of the kill is what is tried
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        newest = await world.log.newest_checkpoint()
        sizes.append(newest["size"] if newest else 0)
    assert sizes == sorted(sizes)
    assert await world.sequence() == 144
    assert await check_tree(world) == 144
    answer = verify_history(await history_of(world))
    assert (answer.is_complete, answer.count) == (True, 144), answer.problem
    assert await all_of(world, ["logged"]) == 144


async def test_two_sequencers_side_by_side_take_turns_and_the_log_stays_one(world: World) -> None:
    writer = Writer()
    await world.intake.register("documents", "s1", writer.public_key)
    running = [asyncio.create_task(world.sequencer(patience=0, interval=0.01).run()) for _ in range(2)]
    for _ in range(10):
        await world.intake.append("documents", "s1", writer.batches(3))

    async def is_done() -> bool:
        return await all_of(world, ["pending"]) == 0

    await eventually_answers(is_done)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await world.sequence()
    assert await check_tree(world) == 90
    assert verify_history(await history_of(world)).is_complete
    assert not world.alarms


async def test_a_sequencer_that_stops_gives_its_turn_up_and_a_silent_one_loses_it(world: World) -> None:
    stopping = asyncio.create_task(world.sequencer(patience=3600).run())

    async def is_held() -> bool:
        return (await world.log.read_term()).beat > 1

    await eventually_answers(is_held)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    async with asyncio.timeout(5):
        assert (await world.sequencer(patience=3600).wait_for_turn()).term == 2
    async with asyncio.timeout(5):
        assert (await world.sequencer(patience=0.1).wait_for_turn()).term == 3


async def test_every_checkpoint_is_the_beginning_of_the_next(world: World) -> None:
    """A3: consistency between any two checkpoints, proved from stored nodes."""
    writer = Writer()
    for batches in (1, 3, 2):
        await take_in(world, writer, batches)
        await world.sequence()
    notes = [document["note"] async for document in world.collections.checkpoints.find().sort("_id", 1)]
    signed = [open_checkpoint(note, KEY) for note in notes]
    assert [(checkpoint.number, checkpoint.size) for checkpoint in signed] == [(1, 3), (2, 12), (3, 18)]
    for old in signed:
        for new in signed[old.number :]:
            ranges = consistency_ranges(old.size, new.size)
            nodes = await world.log.load_nodes(node for span in ranges for node in perfect_nodes(*span))
            assert proves_consistency(old.size, new.size, old.root, new.root, prove(ranges, nodes.__getitem__))


async def test_a_checkpoint_persisted_and_not_signed_is_signed_by_the_next(world: World) -> None:
    await take_in(world, Writer(), 1)
    sequencer = world.sequencer(patience=0)
    term = await sequencer.wait_for_turn()
    frontier, _ = await sequencer.integrate(term, await sequencer.resume(term))
    await sequencer.publish(term, frontier, 1)
    await world.collections.checkpoints.update_one({}, {"$unset": {"note": 1}})
    assert await world.log.newest_checkpoint() is None
    task = asyncio.create_task(world.sequencer(patience=0).run())

    async def is_signed() -> bool:
        return await world.log.newest_checkpoint() is not None

    await eventually_answers(is_signed)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    newest = await world.log.newest_checkpoint()
    assert newest is not None
    assert open_checkpoint(newest["note"], KEY).size == 3
    assert parse_body(newest["body"]).number == 1


async def test_a_log_that_was_rolled_back_is_not_written_to(world: World) -> None:
    """A2: leaves fewer or other than were signed."""
    await take_in(world, Writer(), 2)
    await world.sequence()
    await world.collections.terms.update_one({}, {"$set": {"size": 3}})
    sequencer = world.sequencer(patience=0)
    with pytest.raises(DamagedLogError):
        await sequencer.resume(await sequencer.wait_for_turn())
    await world.collections.terms.update_one({}, {"$set": {"size": 6}})
    await world.collections.leaves.update_one({"_id": world.log.leaf_id(3)}, {"$set": {"nodes.2": bytes(32)}})
    with pytest.raises(DamagedLogError):
        await sequencer.resume(await sequencer.wait_for_turn())
