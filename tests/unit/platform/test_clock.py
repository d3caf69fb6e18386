"""The clock: aware, movable in tests alone, and never moved where a duration is measured."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from carnet_platform.clock import MovableClock, SystemClock, open_clock


@dataclass
class ClockChoice:
    environment: str
    clock_offset_file: Path | None


def test_now_is_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_the_offset_file_moves_now_but_not_the_boottime(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    clock = MovableClock(offset)
    before = clock.boottime()
    offset.write_text("86400")

    assert timedelta(hours=23) < clock.now() - datetime.now(UTC) < timedelta(hours=25)
    assert clock.boottime() - before < 60


@pytest.mark.parametrize("content", [None, ""])
def test_a_missing_or_empty_offset_file_moves_nothing(tmp_path: Path, content: str | None) -> None:
    offset = tmp_path / "offset"
    if content is not None:
        offset.write_text(content)

    assert abs(MovableClock(offset).now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_offset_that_is_no_number_is_refused(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("tomorrow")

    with pytest.raises(ValueError, match="could not convert"):
        MovableClock(offset).now()


def test_a_movable_clock_is_refused_in_production(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="production"):
        open_clock(ClockChoice("production", tmp_path / "offset"))


def test_the_settings_choose_the_clock(tmp_path: Path) -> None:
    assert isinstance(open_clock(ClockChoice("test", tmp_path / "offset")), MovableClock)
    assert not isinstance(open_clock(ClockChoice("production", None)), MovableClock)
