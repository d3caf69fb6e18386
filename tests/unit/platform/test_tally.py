"""What comes in floods: the first of a minute by itself, the rest counted, nothing lost on the way."""

import asyncio
from datetime import timedelta

import pytest
from carnet_platform.calls import RefusedCall
from carnet_platform.errors import Unavailable
from carnet_platform.refused_calls import MOST_TASKS, RefusedCalls
from carnet_platform.tally import Tally
from support.hand_clock import HandClock
from support.waiting import begun, eventually

MINUTE = 60.0


class Room:
    """A tally, and the store it writes to: down, or as slow as a test wants."""

    def __init__(self, most: int = 100) -> None:
        self.clock = HandClock()
        self.written: list[tuple[str, int]] = []
        self.is_down = False
        self.refusals = 0
        self.gate: asyncio.Event | None = None
        self.tally: Tally[str, str] = Tally(self.write, self.clock, most=most, look_every=timedelta(0))

    async def write(self, item: str, count: int) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.is_down:
            self.refusals += 1
            raise Unavailable("EVENT_NOT_DURABLE", "down")
        self.written.append((item, count))

    def notes(self, *items: str) -> "list[asyncio.Task[None]]":
        """Note them all at once; the key of an item is its first letter."""
        return [asyncio.create_task(self.tally.note(item[0], item)) for item in items]

    async def note(self, *items: str) -> None:
        for item in items:
            await self.tally.note(item[0], item)


async def test_the_first_is_written_by_itself_and_the_rest_of_its_minute_with_its_count() -> None:
    room = Room()
    await room.note("a1", "a2", "a3", "b1")
    assert room.written == [("a1", 0), ("b1", 0)]
    room.clock.seconds += MINUTE - 0.1
    await room.tally.flush()
    assert len(room.written) == 2

    room.clock.seconds += 0.1
    await room.tally.flush()
    assert room.written[2:] == [("a3", 2)]
    await room.note("a4")
    assert room.written[3:] == [("a4", 0)]


async def test_a_hundred_thousand_make_two_lines_a_minute() -> None:
    """A5: none is lost from the count."""
    room = Room()
    for number in range(100_000):
        await room.tally.note("a", f"a{number}")
    room.clock.seconds += MINUTE
    await room.tally.flush()
    assert room.written == [("a0", 0), ("a99999", 99_999)]


async def test_a_new_minute_begins_with_the_count_of_the_last_whether_or_not_it_was_flushed() -> None:
    room = Room()
    await room.note("a1", "a2")
    room.clock.seconds += MINUTE
    await room.note("a3")
    assert room.written == [("a1", 0), ("a2", 1), ("a3", 0)]


async def test_of_two_that_come_at_once_one_is_first_and_the_other_waits_until_it_is_durable() -> None:
    room = Room()
    room.gate = asyncio.Event()
    both = room.notes("a1", "a2")
    await begun(*both)
    assert not any(note.done() for note in both)
    room.gate.set()
    await asyncio.gather(*both)
    await room.tally.close()
    assert room.written == [("a1", 0), ("a2", 1)]


async def test_when_the_first_cannot_be_written_all_who_wait_for_it_hear_so_and_the_next_is_first_again() -> None:
    room = Room()
    room.gate, room.is_down = asyncio.Event(), True
    both = room.notes("a1", "a2")
    await begun(*both)
    room.gate.set()
    assert [type(answer) for answer in await asyncio.gather(*both, return_exceptions=True)] == [Unavailable, Unavailable]
    assert "a" not in room.tally

    room.is_down = False
    await room.note("a3", "a4")
    await room.tally.close()
    assert room.written == [("a3", 0), ("a4", 1)]


async def test_a_first_that_goes_away_takes_nothing_from_the_others() -> None:
    room = Room()
    room.gate = asyncio.Event()
    first, second = room.notes("a1", "a2")
    await begun(first, second)
    first.cancel()
    await eventually(first.done)
    room.gate.set()
    await second
    await room.tally.close()
    assert room.written == [("a1", 0), ("a2", 1)]


async def test_a_count_that_cannot_be_written_is_tried_again_and_goes_on_growing() -> None:
    room = Room()
    await room.note("a1", "a2")
    room.clock.seconds += MINUTE
    room.is_down = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            await room.tally.flush()
    room.tally.keep("a", "a3")
    with pytest.raises(Unavailable):
        await room.note("a4")
    room.is_down = False
    await room.tally.flush()
    assert room.written == [("a1", 0), ("a3", 2)]


async def test_notes_and_flushes_at_once_lose_nothing_and_count_nothing_twice() -> None:
    room = Room()
    await room.note("a1", "a2")
    room.clock.seconds += MINUTE
    room.gate = asyncio.Event()
    flushes = [asyncio.create_task(room.tally.flush()) for _ in range(2)]
    await begun(*flushes)
    notes = room.notes("a3", "a4")
    room.tally.keep("a", "a5")
    await begun(*notes)
    room.gate.set()
    await asyncio.gather(*flushes, *notes)
    await room.tally.close()
    assert sum(count or 1 for _, count in room.written) == 5
    assert room.written[:2] == [("a1", 0), ("a2", 1)]


async def test_a_flush_that_is_cancelled_is_not_written_twice_at_the_end() -> None:
    room = Room()
    await room.note("a1", "a2")
    room.clock.seconds += MINUTE
    room.gate = asyncio.Event()
    flush = asyncio.create_task(room.tally.flush())
    await begun(flush)
    flush.cancel()
    await eventually(flush.done)
    room.gate.set()
    await room.tally.close()
    assert room.written == [("a1", 0), ("a2", 1)]


async def test_what_is_kept_waits_for_nothing_and_a_flood_of_it_is_one_write_a_minute() -> None:
    room = Room()
    room.tally.keep("a", "a1")
    room.clock.seconds += MINUTE
    room.gate = asyncio.Event()
    flush = asyncio.create_task(room.tally.flush())
    await begun(flush)
    for number in range(2, 10):
        room.tally.keep("a", f"a{number}")
    room.gate.set()
    await flush
    await room.tally.flush()
    assert room.written == [("a1", 1)]
    room.clock.seconds += MINUTE
    await room.tally.flush()
    assert room.written == [("a1", 1), ("a9", 8)]


async def test_windows_are_bounded_and_the_oldest_is_written_to_make_room() -> None:
    room = Room(most=2)
    await room.note("a1", "a2", "b1", "c1")
    assert room.written == [("a1", 0), ("b1", 0), ("a2", 1), ("c1", 0)]
    assert [key in room.tally for key in "abc"] == [False, True, True]

    await asyncio.gather(*room.notes(*(f"{key}1" for key in "defghi")))
    assert sum(key in room.tally for key in "abcdefghi") == 2
    assert len(room.written) == 10
    room.tally.keep("x", "x1")
    assert "x" not in room.tally


async def test_when_room_cannot_be_made_it_is_told_and_nothing_is_forgotten() -> None:
    room = Room(most=1)
    await room.note("a1", "a2")
    room.is_down = True
    with pytest.raises(Unavailable):
        await room.note("b1")
    room.is_down = False
    await room.note("b2")
    assert room.written == [("a1", 0), ("a2", 1), ("b2", 0)]


async def test_what_was_told_already_is_kept_when_it_cannot_be_written() -> None:
    room = Room()
    room.is_down = True
    await room.tally.note_or_keep("a", "a1")
    await room.tally.note_or_keep("a", "a2")
    room.is_down = False
    await room.tally.close()
    assert room.written == [("a2", 2)]


async def test_with_all_windows_on_their_way_the_next_waits_for_one() -> None:
    room = Room(most=1)
    room.gate = asyncio.Event()
    notes = room.notes("a1", "b1", "c1")
    await begun(*notes)
    room.gate.set()
    await asyncio.gather(*notes)
    assert room.written == [("a1", 0), ("b1", 0), ("c1", 0)]


async def test_the_loop_survives_a_store_that_is_down() -> None:
    room = Room()
    await room.note("a1", "a2")
    room.clock.seconds += MINUTE
    room.is_down = True
    running = asyncio.create_task(room.tally.run())
    await eventually(lambda: room.refusals > 0)
    assert not running.done()
    room.is_down = False
    await eventually(lambda: room.written == [("a1", 0), ("a2", 1)])
    running.cancel()


async def test_the_end_writes_all_that_is_counted_and_raises_nothing() -> None:
    room = Room()
    await room.note("a1", "a2", "b1", "b2")
    room.is_down = True
    await room.tally.close()
    room.is_down = False
    await room.tally.close()
    assert room.written == [("a1", 0), ("b1", 0), ("a2", 1), ("b2", 1)]


def refused(caller: str = "spiffe://carnet/portal", method: str = "/a.B/C") -> RefusedCall:
    return RefusedCall(method, caller, "TOKEN_MISSING", "request", "trace")


class Stream:
    """Refused calls, and where they are written."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.written: list[tuple[str, str, int]] = []
        self.is_down = False
        self.calls = RefusedCalls(self.write, self.clock)

    async def write(self, call: RefusedCall, count: int) -> None:
        if self.is_down:
            raise Unavailable("EVENT_NOT_DURABLE", "down")
        self.written.append((call.caller, call.service, count))


async def test_refused_calls_are_counted_by_caller_and_service() -> None:
    stream = Stream()
    for _ in range(5):
        stream.calls(refused())
        stream.calls(refused(method="/a.B/D"))
    stream.calls(refused(method="/a.E/F"))
    stream.calls(refused(caller=""))
    await stream.calls.close()
    portal = "spiffe://carnet/portal"
    assert sorted(stream.written) == [("", "a.B", 0), (portal, "a.B", 0), (portal, "a.B", 9), (portal, "a.E", 0)]


async def test_a_flood_of_refused_calls_makes_few_tasks_and_loses_none() -> None:
    stream = Stream()
    for number in range(MOST_TASKS + 10):
        stream.calls(refused(caller=str(number)))
    await stream.calls.close()
    assert sum(count or 1 for *_, count in stream.written) == MOST_TASKS + 10
    assert sum(count == 0 for *_, count in stream.written) == MOST_TASKS


async def test_a_refused_call_that_cannot_be_written_is_tried_again() -> None:
    stream = Stream()
    stream.is_down = True
    stream.calls(refused())
    stream.calls(refused())
    await stream.calls.close()
    stream.is_down = False
    await stream.calls.close()
    assert stream.written == [("spiffe://carnet/portal", "a.B", 2)]
