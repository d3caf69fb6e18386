"""Seals of rows in clear."""

from datetime import UTC, datetime
from typing import Any

import pytest
from carnet_platform.keys import MasterKeys
from carnet_platform.rows import RowSeals

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
ROW: dict[str, Any] = {"_id": "a", "number": 1, "names": ["x", "y"], "time": datetime(2026, 1, 1, 0, 0, 0, 1999, tzinfo=UTC)}


def test_a_row_is_whole_as_the_store_gives_it_back() -> None:
    sealed = RowSeals(KEYS, "rows").sealed(ROW)

    assert RowSeals(KEYS, "rows").is_whole(sealed)
    assert RowSeals(KEYS, "rows").is_whole({**sealed, "time": datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)})
    assert RowSeals(KEYS, "rows").sealed(sealed) == sealed


@pytest.mark.parametrize(
    "edit",
    [
        {"_id": "b"},
        {"number": 2},
        {"number": 1.0},
        {"number": True},
        {"names": ["xy"]},
        {"names": ["y", "x"]},
        {"time": datetime(2026, 1, 1, tzinfo=UTC)},
        {"time": datetime(2026, 1, 1)},  # noqa: DTZ001 - what a store never gives
        {"further": None},
        {"further": b"x"},
        {"seal": b"x" * 32},
        {"seal": "x"},
        {"seal": None},
    ],
    ids=repr,
)
def test_an_edited_row_is_not_whole(edit: dict[str, Any]) -> None:
    assert not RowSeals(KEYS, "rows").is_whole({**RowSeals(KEYS, "rows").sealed(ROW), **edit})


def test_a_row_that_lost_a_field_or_came_from_elsewhere_is_not_whole() -> None:
    sealed = RowSeals(KEYS, "rows").sealed(ROW)

    assert not RowSeals(KEYS, "others").is_whole(sealed)
    for name in sealed:
        assert not RowSeals(KEYS, "rows").is_whole({field: value for field, value in sealed.items() if field != name})
