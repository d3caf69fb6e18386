"""Trial C1: random histories of many records at once, by the RPCs of consent on a real store, answered as the reference evaluator does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import carnet_consent
import pytest
from component.consent.calling_policy import GRACE, Directory, Played, StandingClock, opened
from component.consent.conftest import Running, settings, started
from support.reference_evaluator import Reference

HISTORIES, AT_ONCE = 300, 48
IN_CI, AT_LENGTH = (0, 4, 24), (0, 1, 5, 6, 24, 30)
"""The hours at which the steps happen: an hour, four hours and a day after others, when what was stated then ends."""
EXPLAINED_EACH = 10
"""Of every tenth history the holder asks at its end why each reading was decided as it was."""
PATIENCE = timedelta(seconds=60)
"""A store that is slow is no difference."""


@pytest.fixture
async def running(database: tuple[Any, Any]) -> AsyncIterator[Running]:
    """Consent on a fresh database, with a clock that stands, and permits so short that a withdrawal is acknowledged soon."""
    brief = settings(
        read_batch_timeout=PATIENCE,
        change_timeout=PATIENCE,
        closing_grace=GRACE,
    )
    async with started(database, brief, StandingClock(), Directory()) as one:
        yield one


async def play(running: Running, seeds: range, hours: tuple[int, ...]) -> list[str]:
    """Play the histories of these seeds side by side, `AT_ONCE` of them at any moment, and return all differences."""
    clock = running.clock
    assert isinstance(clock, StandingClock)
    rules = Reference(max((Path(carnet_consent.__file__).parent / "data").glob("????-??-??")))
    times = [clock.begin + timedelta(hours=hour) for hour in hours]
    turns = asyncio.Semaphore(AT_ONCE)

    async def open_one(seed: int) -> Played:
        async with turns:
            return await opened(running, seed, times, rules)

    async def step(one: Played, number: int) -> None:
        async with turns:
            await one.take(number)

    async with asyncio.TaskGroup() as opening:
        tasks = [opening.create_task(open_one(seed)) for seed in seeds]
    played = [task.result() for task in tasks]
    for number in range(len(times) + 1):
        clock.moved = times[min(number, len(times) - 1)] - times[0]
        while await running.consent.passing.once():
            pass
        async with asyncio.TaskGroup() as stepping:
            for one in played:
                stepping.create_task(step(one, number))
    explained = await asyncio.gather(*(one.explain() for one in played[::EXPLAINED_EACH]))
    assert sum(explained) > len(played) // EXPLAINED_EACH
    return [difference for one in played for difference in one.differences]


@pytest.mark.timeout(300)
async def test_consent_and_the_reference_answer_three_hundred_histories_alike(running: Running) -> None:
    """C1."""
    differences = await play(running, range(HISTORIES), IN_CI)

    assert not differences, "\n\n".join(differences[:5])


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_consent_and_the_reference_answer_other_histories_alike_on_either_driver(running: Running) -> None:
    """C1."""
    differences = await play(running, range(HISTORIES, 2 * HISTORIES), AT_LENGTH)

    assert not differences, "\n\n".join(differences[:5])
