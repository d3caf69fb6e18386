"""A person's death (rules.md 17): late results are accepted for a while, then her record closes; a mistake is taken back.

That somebody has died is stated at identity, with evidence. Here it announces a closing that nobody opposes, and takes the place of one
that was announced before: late results come in for their whole time. Taken back, the closing is taken back; a record that it had closed
is open again as it was, and the history tells that too. A closing by anybody's hand is none of this rule's.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from carnet_consent.domain.consent import DEATH, Closing, Consent, Evidence, RecordState


def learn(consent: Consent, *, is_deceased: bool, revision: int, now: datetime, late_results: timedelta) -> Consent:
    """The record of a person of whom identity tells, at her `revision`, whether she has died. The very same when it changes nothing.

    An announced opening waits for as long as she counts as dead, and is announced anew by `restart_opening` when she does not.
    """
    if revision <= consent.person_revision or consent.state == RecordState.OPPOSED or consent.is_destroyed:
        return consent
    if is_deceased == waits_for_death(consent):
        return consent
    told = replace(consent, person_revision=revision)
    if not is_deceased:
        state = RecordState.ACTIVE if consent.state == RecordState.CLOSED else consent.state
        return replace(told, state=state, closing=None, destruction=None)
    if consent.state == RecordState.CLOSED:
        return consent
    return replace(told, closing=Closing(DEATH, Evidence("", "", "", "", now), due=now + late_results))


def waits_for_death(consent: Consent) -> bool:
    """Whether the record is closed, or about to be, because its holder has died."""
    return consent.closing is not None and consent.closing.motive == DEATH


def restart_opening(consent: Consent, now: datetime, to_oppose: timedelta) -> Consent:
    """Give the whole time to oppose an opening again, to a person who was taken for dead meanwhile."""
    return replace(consent, opening_due=now + to_oppose) if consent.state == RecordState.ANNOUNCED else consent
