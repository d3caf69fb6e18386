"""The destruction and the legal holds of a record within its stored text (`text.py`): short lists in a fixed order."""

from collections.abc import Iterable
from typing import Any

from carnet_consent.domain.destruction import Destruction, LegalHold, Origin, Receipt
from carnet_consent.storage.instants import instant_of, instant_or_none, micros_of, micros_or_none


def destruction_text(told: Destruction | None) -> list[Any] | None:
    """A destruction as stored."""
    if told is None:
        return None
    receipts = [[one.participant, one.name, micros_of(one.erased), list(one.what)] for one in told.receipts]
    ends = [micros_or_none(one) for one in (told.begun, told.destroyed, told.backups_end, told.history_end)]
    return [
        told.id,
        told.origin.value,
        micros_of(told.asked),
        micros_of(told.due),
        told.was_open,
        list(told.participants),
        receipts,
        ends,
    ]


def destruction_of(stored: list[Any] | None) -> Destruction | None:
    """The destruction that was stored; None in a text of before there was any."""
    if stored is None:
        return None
    name, origin, asked, due, was_open, participants, receipts, ends = stored
    begun, destroyed, backups_end, history_end = (instant_or_none(one) for one in ends)
    return Destruction(
        id=name,
        origin=Origin(origin),
        asked=instant_of(asked),
        due=instant_of(due),
        was_open=was_open,
        participants=tuple(participants),
        begun=begun,
        receipts=tuple(Receipt(participant, one, instant_of(erased), tuple(what)) for participant, one, erased, what in receipts),
        destroyed=destroyed,
        backups_end=backups_end,
        history_end=history_end,
    )


def holds_text(told: Iterable[LegalHold]) -> list[list[Any]]:
    """Legal holds as stored."""
    return [[one.id, one.reason, micros_of(one.since)] for one in told]


def holds_of(stored: Iterable[list[Any]]) -> tuple[LegalHold, ...]:
    """The legal holds that were stored."""
    return tuple(LegalHold(name, reason, instant_of(since)) for name, reason, since in stored)
