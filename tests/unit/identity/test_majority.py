"""When a person comes of age."""

from datetime import UTC, date, datetime, timedelta

import pytest
from carnet_identity.domain.majority import PARIS, latest_birthday, majority
from hypothesis import given
from hypothesis import strategies as st

births = st.dates(date(1900, 1, 1), date(2080, 12, 31))


def written(day: date) -> str:
    return f"{day:%Y%m%d}"


@pytest.mark.parametrize(
    ("birth_date", "in_utc"),
    [
        ("20080715", datetime(2026, 7, 14, 22, tzinfo=UTC)),  # midnight of Paris in summer
        ("20080115", datetime(2026, 1, 14, 23, tzinfo=UTC)),
        ("20080229", datetime(2026, 2, 28, 23, tzinfo=UTC)),  # no 29 February in 2026: 1 March
        ("20080200", datetime(2026, 2, 28, 23, tzinfo=UTC)),  # perhaps born on the 29th
        ("20080600", datetime(2026, 6, 29, 22, tzinfo=UTC)),
        ("20080000", datetime(2026, 12, 30, 23, tzinfo=UTC)),
        ("20080012", datetime(2026, 12, 30, 23, tzinfo=UTC)),  # a day without a month says nothing
    ],
)
def test_a_person_comes_of_age_as_her_birthday_begins_in_paris(birth_date: str, in_utc: datetime) -> None:
    """EX_GEN-1550; Code civil 388 and 414. In doubt she is a minor."""
    assert majority(birth_date, age=18) == in_utc


@given(births, st.integers(1, 30))
def test_majority_is_a_midnight_of_paris_that_many_years_later(born: date, age: int) -> None:
    local = majority(written(born), age=age).astimezone(PARIS)
    assert (local.hour, local.minute, local.year) == (0, 0, born.year + age)
    assert (local.month, local.day) in {(born.month, born.day), (3, 1)}


@given(births)
def test_an_unknown_day_or_month_never_takes_a_representative_away_too_early(born: date) -> None:
    known = majority(written(born), age=18)
    unknown_day = majority(f"{born:%Y%m}00", age=18)
    unknown_month = majority(f"{born:%Y}0000", age=18)
    assert known <= unknown_day <= unknown_month
    assert unknown_day - known < timedelta(days=32)
    assert unknown_month - known < timedelta(days=366)


@given(births, births)
def test_who_is_born_later_comes_of_age_no_earlier(one: date, other: date) -> None:
    earlier, later = sorted((one, other))
    assert majority(written(earlier), age=18) <= majority(written(later), age=18)
    assert latest_birthday(written(one)) == one
