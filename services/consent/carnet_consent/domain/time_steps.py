"""What time does to a record, once and however late somebody looks.

An announced closing or opening takes effect; the purge of a closed record is announced; a destruction begins; what was kept to explain
accesses to a destroyed record is deleted. How a destruction goes on once it has begun is in `usecases/destroy.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from carnet_consent.domain.closing import Terms, closed
from carnet_consent.domain.consent import Consent, RecordState
from carnet_consent.domain.death import waits_for_death
from carnet_consent.domain.destroying import announce_purge, begin, history_ended


class Step(StrEnum):
    """What happened."""

    CLOSED = "CLOSED"
    OPENED = "OPENED"
    PURGE_ANNOUNCED = "PURGE_ANNOUNCED"
    DESTROYING = "DESTROYING"
    HISTORY_ENDED = "HISTORY_ENDED"


def step_of_time(
    consent: Consent, now: datetime, terms: Terms, participants: Sequence[str] = (), *, new_id: str = ""
) -> tuple[Consent, Step] | None:
    """The record after the step that is due, and which it was; None when none is.

    `participants` are those whose receipts a destruction takes that begins now; `new_id` names one that is announced now.
    """
    if consent.due is None or now < consent.due:
        return None
    if consent.state == RecordState.ACTIVE:
        return closed(consent, now, terms), Step.CLOSED
    if consent.state == RecordState.CLOSED and consent.destruction is None:
        return announce_purge(consent, now, terms.purge_notice, destruction_id=new_id), Step.PURGE_ANNOUNCED
    if consent.state == RecordState.CLOSED:
        return begin(consent, now, participants), Step.DESTROYING
    if consent.is_destroyed:
        return (history_ended(consent), Step.HISTORY_ENDED) if consent.state == RecordState.DESTROYED else None
    return replace(consent, state=RecordState.ACTIVE, opened=now, opening_due=None), Step.OPENED


def depends_on_the_person(consent: Consent) -> bool:
    """Whether that step is taken only after asking identity again: it rests on her death, or makes her a record."""
    return (waits_for_death(consent) and not consent.is_destroyed) or consent.is_unopened
