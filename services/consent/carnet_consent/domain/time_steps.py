"""What time does to a record, once and however late somebody looks: an announced closing or opening takes effect."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from carnet_consent.domain.closing import Terms, closed
from carnet_consent.domain.consent import Consent, RecordState
from carnet_consent.domain.death import waits_for_death


class Step(StrEnum):
    """What happened."""

    CLOSED = "CLOSED"
    OPENED = "OPENED"


def step_of_time(consent: Consent, now: datetime, terms: Terms) -> tuple[Consent, Step] | None:
    """The record after the step that is due, and which it was; None when none is."""
    if consent.due is None or now < consent.due:
        return None
    if consent.state == RecordState.ACTIVE:
        return closed(consent, now, terms), Step.CLOSED
    return replace(consent, state=RecordState.ACTIVE, opened=now, opening_due=None), Step.OPENED


def depends_on_the_person(consent: Consent) -> bool:
    """Whether that step is taken only after asking identity again: it rests on her death, or makes her a record."""
    return waits_for_death(consent) or consent.is_unopened
