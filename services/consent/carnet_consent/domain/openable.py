"""TD0.4, the records that a professional may open, or his structure's members.

Those in which an authorisation, a care relation or his standing as attending physician is in force, about him or the structure he acts for.
A block beats all of them (rules.md 2), and a closed record is none.
"""

from dataclasses import dataclass
from datetime import datetime

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.consent import Consent, RecordState, StatementKind
from carnet_consent.domain.opening import Availability, availability
from carnet_consent.domain.refusal import RuleBrokenError


@dataclass(frozen=True, slots=True)
class Openable:
    """One of them."""

    record: str
    patient: str
    availability: Availability
    """AUTHORISED, or what an attending physician without an authorisation needs first."""
    is_attending_physician: bool
    since: datetime
    """When the newest of what is in force began; the opening of the record for an attending physician without an authorisation."""


def check_may_list(asker: Asker) -> None:
    """Refuse anyone but a named professional acting for a structure in care."""
    if not asker.is_named_professional:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only a professional authenticated by name lists the records he may open.")
    if not asker.structure:
        raise RuleBrokenError("USER_UNKNOWN", "Name a structure where the user works.")
    if asker.purpose != Purpose.TREATMENT:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "This list is for care.")


def grantees_in_force(consent: Consent, now: datetime) -> dict[str, datetime]:
    """Each professional and structure to whom something is granted, and since when: the newest of it."""
    found = {one.professional: consent.opened for one in consent.attending_physicians if one.is_confirmed}
    for one in consent.statements:
        if one.kind != StatementKind.BLOCK and (one.end is None or now < one.end):
            found[one.grantee] = max(found.get(one.grantee, one.start), one.start)
    return found


def openable(consent: Consent, asker: Asker, now: datetime) -> Openable | None:
    """The record as this professional may open it now; None when he may not."""
    granted = grantees_in_force(consent, now)
    since = max((granted[name] for name in asker.grantees if name in granted), default=None)
    if consent.state != RecordState.ACTIVE or since is None:
        return None
    found, attends = availability(consent, asker, now), consent.has_confirmed(asker.subject)
    if found == Availability.BLOCKED or not (attends or found == Availability.AUTHORISED):
        return None
    return Openable(consent.record, consent.patient, found, attends, since)
