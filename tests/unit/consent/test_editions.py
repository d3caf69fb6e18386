"""Which edition of the tables was in force when."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from carnet_consent.domain.editions import Editions
from unit.consent.builders import tables

OLD, NEW = replace(tables(), version="old"), replace(tables(), version="new")
EDITIONS = Editions.of([(date(2027, 1, 1), NEW), (date(2026, 11, 21), OLD)])


@pytest.mark.parametrize(
    ("instant", "version"),
    [
        (datetime(2026, 11, 20, 22, 59, tzinfo=UTC), None),
        (datetime(2026, 11, 20, 23, 0, tzinfo=UTC), "old"),  # midnight in Paris
        (datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), "old"),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "new"),
        (datetime(2099, 1, 1, tzinfo=UTC), "new"),
    ],
)
def test_an_edition_is_in_force_from_its_day_in_paris_until_the_next(instant: datetime, version: str | None) -> None:
    in_force = EDITIONS.in_force(instant)

    assert (in_force.version if in_force is not None else None) == version


@pytest.mark.parametrize("days", [[], [date(2026, 1, 1), date(2026, 1, 1)]])
def test_no_edition_and_two_of_one_day_are_refused(days: list[date]) -> None:
    with pytest.raises(ValueError, match="one a day"):
        Editions.of([(day, OLD) for day in days])
