"""A watched program: the pause before it is started again, and when that pause is forgotten."""

from datetime import timedelta
from pathlib import Path

import pytest
from carnet_dev.child import Child
from carnet_dev.watched import LONGEST_PAUSE, STEADY_AFTER, Watched
from unit.dev.conftest import Time


@pytest.fixture
def watched(tmp_path: Path, time: Time) -> Watched:
    return Watched("brief", lambda: Child(["true"], tmp_path / "log"), time)


def end(watched: Watched) -> timedelta | None:
    watched.start()
    assert watched.child is not None
    watched.child._process.wait()
    return watched.note_end()


def test_the_pause_doubles_up_to_its_longest(watched: Watched) -> None:
    pauses = [end(watched) for _ in range(9)]
    assert pauses[:3] == [timedelta(seconds=0.5), timedelta(seconds=1), timedelta(seconds=2)]
    assert pauses[-1] == LONGEST_PAUSE


def test_an_end_is_told_once_and_it_is_due_after_its_pause(watched: Watched, time: Time) -> None:
    assert end(watched) is not None
    assert watched.note_end() is None
    assert not watched.is_due()
    time.seconds += 0.5
    assert watched.is_due()


def test_a_program_that_ran_steadily_begins_with_the_first_pause(watched: Watched, time: Time) -> None:
    for _ in range(3):
        end(watched)
    watched.start()
    assert watched.child is not None
    watched.child._process.wait()
    time.seconds += STEADY_AFTER.total_seconds() + 1
    assert watched.note_end() == timedelta(seconds=0.5)
