"""An alarm about a row comes once an hour, and never stays out for want of room."""

from itertools import chain, repeat

import pytest
from carnet_consent.storage import alarming
from carnet_consent.storage.alarming import OncePerHour


def test_an_alarm_is_due_once_an_hour_for_each_row() -> None:
    times = iter([0.0, 1.0, 3_599.0, 3_600.0, 3_601.0])
    alarms = OncePerHour(lambda: next(times))

    assert [alarms.is_due(row) for row in ("a", "b", "a", "a", "b")] == [True, True, False, True, True]


def test_where_there_is_no_room_every_alarm_is_due_and_room_comes_back_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarming, "MOST", 2)
    times = chain(repeat(0.0, 4), repeat(3_600.0))
    alarms = OncePerHour(lambda: next(times))

    assert [alarms.is_due(row) for row in ("a", "b", "c", "c")] == [True] * 4
    assert [alarms.is_due(row) for row in ("c", "c")] == [True, False]
