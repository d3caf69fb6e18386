"""Questions that share a round trip: each gets its own answer, and nobody's misfortune is another's."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest
from carnet_platform.errors import Unavailable
from carnet_platform.gathering import Gathering
from support.waiting import eventually


class Store:
    """Answers when it is let; notes what each round trip asked."""

    def __init__(self) -> None:
        self.round_trips: list[dict[str, int]] = []
        self.was_asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None

    async def ask_all(self, questions: Mapping[str, int]) -> Mapping[str, int]:
        """Each question times ten."""
        self.round_trips.append(dict(questions))
        self.was_asked.set()
        await self.may_answer.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return {key: question * 10 for key, question in questions.items()}


async def test_what_comes_during_one_round_trip_shares_the_next_and_each_gets_its_own_answer() -> None:
    store = Store()
    gathering = Gathering[int, int](store.ask_all, most=3)
    first = asyncio.ensure_future(gathering.ask("0", 0))
    await store.was_asked.wait()
    later = [asyncio.ensure_future(gathering.ask(str(number), number)) for number in range(1, 6)]
    await eventually(lambda: gathering.waiting == 5)
    store.may_answer.set()
    assert await asyncio.gather(first, *later) == [0, 10, 20, 30, 40, 50]
    assert store.round_trips == [{"0": 0}, {"1": 1, "2": 2, "3": 3}, {"4": 4, "5": 5}]


async def test_a_question_is_never_answered_by_a_round_trip_begun_before_it_came() -> None:
    store = Store()
    gathering = Gathering[int, int](store.ask_all)
    first = asyncio.ensure_future(gathering.ask("a", 1))
    await store.was_asked.wait()
    second = asyncio.ensure_future(gathering.ask("a", 1))
    await eventually(lambda: gathering.waiting == 1)
    store.may_answer.set()
    assert [await first, await second] == [10, 10]
    assert store.round_trips == [{"a": 1}, {"a": 1}]


async def test_only_the_very_same_question_shares_a_key() -> None:
    store = Store()
    store.may_answer.set()
    gathering = Gathering[int, int](store.ask_all)
    assert await asyncio.gather(*(gathering.ask("a", question) for question in (1, 2, 1))) == [10, 20, 10]
    assert store.round_trips == [{"a": 1}, {"a": 2}]


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    store = Store()
    gathering = Gathering[int, int](store.ask_all)
    asked = [asyncio.ensure_future(gathering.ask(key, 1)) for key in "ab"]
    await store.was_asked.wait()
    waiting = [asyncio.ensure_future(gathering.ask(key, 1)) for key in "cd"]
    await eventually(lambda: gathering.waiting == 2)
    asked[0].cancel()
    waiting[0].cancel()
    await asyncio.wait([asked[0], waiting[0]])
    store.may_answer.set()
    assert [await asked[1], await waiting[1]] == [10, 10]
    assert store.round_trips == [{"a": 1, "b": 1}, {"d": 1}]


async def test_a_round_trip_that_fails_fails_those_who_share_it_and_no_later_one() -> None:
    store = Store()
    gathering = Gathering[int, int](store.ask_all)
    store.error = ConnectionError()
    first = asyncio.ensure_future(gathering.ask("a", 1))
    await store.was_asked.wait()
    second = asyncio.ensure_future(gathering.ask("b", 1))
    await eventually(lambda: gathering.waiting == 1)
    store.may_answer.set()
    with pytest.raises(ConnectionError):
        await first
    assert await second == 10


async def test_a_store_that_hangs_is_not_waited_for() -> None:
    gathering = Gathering[int, int](Store().ask_all, patience=timedelta(milliseconds=5))
    with pytest.raises(Unavailable, match="does not answer"):
        await gathering.ask("a", 1)
