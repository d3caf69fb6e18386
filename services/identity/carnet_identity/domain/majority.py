"""When a person comes of age (Code civil 388, 414): at the beginning of that birthday, in Europe/Paris.

An unknown day or month of birth is decided for the minor's protection: in doubt she is a minor, up to the last day on which she can
have been born, so that nobody is left without a representative for a date that was never written down. She can end that by herself
at any time once she is of age, for she then is the holder and acts alone. Whoever was born on 29 February comes of age on 1 March.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
_MONTHS: Final = 12


def latest_birthday(birth_date: str) -> date:
    """The last day on which somebody can have been born, of YYYYMMDD with 00 for an unknown day or month."""
    year, month, day = int(birth_date[:4]), int(birth_date[4:6]), int(birth_date[6:])
    if month == 0:
        month, day = _MONTHS, 0
    return date(year, month, day or monthrange(year, month)[1])


def majority(birth_date: str, *, age: int) -> datetime:
    """The first instant, in UTC, at which a person born then (YYYYMMDD, 00 where unknown) is surely of age."""
    born = latest_birthday(birth_date)
    try:
        birthday = born.replace(year=born.year + age)
    except ValueError:  # 29 February in a year that has none
        birthday = date(born.year + age, 3, 1)
    return datetime(birthday.year, birthday.month, birthday.day, tzinfo=PARIS).astimezone(UTC)
