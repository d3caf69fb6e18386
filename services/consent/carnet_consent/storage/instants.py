"""Instants in stored texts: microseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def micros_of(instant: datetime) -> int:
    """An instant as texts have it."""
    return (instant - _EPOCH) // _MICROSECOND


def micros_or_none(instant: datetime | None) -> int | None:
    """The same, of an instant that may not be."""
    return None if instant is None else micros_of(instant)


def instant_of(micros: int) -> datetime:
    """The instant that a text has."""
    return _EPOCH + timedelta(microseconds=micros)


def instant_or_none(micros: int | None) -> datetime | None:
    """The same, of one that may not be there."""
    return None if micros is None else instant_of(micros)
