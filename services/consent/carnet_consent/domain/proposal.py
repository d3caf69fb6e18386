"""A change that is proposed and not made: what the record would state after it, by the very rules that make the change."""

from dataclasses import dataclass
from datetime import datetime

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.attending import declare, end_attending
from carnet_consent.domain.consent import Consent, NamedHide, Switches
from carnet_consent.domain.default_visibility import DefaultVisibility, set_default_visibility
from carnet_consent.domain.hiding import hide, set_switches, unhide
from carnet_consent.domain.stating import Durations, Wish, state, take_back

PROPOSED = "-"
"""Stands for the identifier that a proposed statement would get."""


@dataclass(frozen=True, slots=True)
class TakingBack:
    """A statement would be taken back."""

    statement: str


@dataclass(frozen=True, slots=True)
class Hiding:
    """A document would be hidden from somebody, or no longer."""

    hidden: NamedHide
    takes_back: bool = False


@dataclass(frozen=True, slots=True)
class Attending:
    """A doctor would become the attending physician, or cease to be."""

    professional: str
    ends: bool = False


Proposal = Wish | TakingBack | Switches | Hiding | Attending | DefaultVisibility


def proposed(consent: Consent, asker: Asker, proposal: Proposal, profession: str, now: datetime, durations: Durations) -> Consent:
    """What the record would state after the change.

    Args:
        consent: what it states now.
        asker: who proposes; he must be allowed to make the change.
        proposal: the change.
        profession: that of the professional who would be attending physician; not looked at otherwise.
        now: UTC.
        durations: how long statements last by default.

    Raises:
        RuleBrokenError: as the change itself would be refused.
    """
    match proposal:
        case Wish():
            return state(consent, asker, proposal, now, durations, statement_id=PROPOSED)[0]
        case TakingBack():
            return take_back(consent, asker, proposal.statement, now)[0]
        case Switches():
            return set_switches(consent, asker, proposal, now)
        case DefaultVisibility():
            return set_default_visibility(consent, asker, proposal)
        case Hiding():
            return (unhide if proposal.takes_back else hide)(consent, asker, proposal.hidden)
        case Attending():
            return _attended(consent, asker, proposal, profession, now)


def _attended(consent: Consent, asker: Asker, proposal: Attending, profession: str, now: datetime) -> Consent:
    if proposal.ends:
        return end_attending(consent, asker, proposal.professional)
    return declare(consent, asker, proposal.professional, profession, now)[0]
