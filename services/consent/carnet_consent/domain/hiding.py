"""Hiding single documents from somebody by name, and the switches of an emergency: both the holder's alone."""

from dataclasses import replace
from datetime import datetime

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import Consent, NamedHide, Switches
from carnet_consent.domain.emergency import without_opposed_episodes
from carnet_consent.domain.holder import is_holder
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import check_holder

MOST_HIDES = 2000
"""How many hidings a record holds: each travels with every decision about the one it names."""


def hide(consent: Consent, asker: Asker, hidden: NamedHide) -> Consent:
    """Hide one document from one professional, structure, or person who acts for the holder. Hidden twice is hidden once."""
    check_holder(asker, consent)
    _check_whom(asker, consent, hidden)
    if hidden in consent.hides:
        return consent
    if len(consent.hides) >= MOST_HIDES:
        raise RuleBrokenError("STATE_FORBIDS", f"A record holds at most {MOST_HIDES} hidden documents.")
    return replace(consent, hides=(*consent.hides, hidden))


def unhide(consent: Consent, asker: Asker, hidden: NamedHide) -> Consent:
    """Take a hiding back."""
    check_holder(asker, consent)
    _check_whom(asker, consent, hidden)
    if hidden not in consent.hides:
        raise RuleBrokenError("NOT_FOUND", "There is no such hiding.")
    return replace(consent, hides=tuple(h for h in consent.hides if h != hidden))


def _check_whom(asker: Asker, consent: Consent, hidden: NamedHide) -> None:
    """What is hidden from a representative or caregiver is the holder's own matter, whatever her age (rules.md 13)."""
    if hidden.grantee.startswith("patients/") and not is_holder(asker, consent):
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder hides something from those who act for her.")


def check_switches(switches: Switches) -> None:
    """Refuse MASKED and DIRECTIVES without one of the two cases they speak of (domain.md 3.3)."""
    if switches.contradict_each_other:
        name, field = ("MASKED", "masked_documents") if switches.masked_documents else ("DIRECTIVES", "directives")
        raise RuleBrokenError("SWITCH_DEPENDENCY", f"{name} needs ETREAT or BTG.", field=f"emergency_switches.{field}")


def set_switches(consent: Consent, asker: Asker, switches: Switches, now: datetime) -> Consent:
    """Set all switches. Opposing ends the emergencies that are open."""
    check_holder(asker, consent)
    check_switches(switches)
    return without_opposed_episodes(replace(consent, switches=switches), now)


def switches_withdraw(before: Switches, after: Switches) -> bool:
    """Whether something that was accepted no longer is: then the change is a withdrawal."""
    return (
        (before.dispatch and not after.dispatch)
        or (before.break_glass and not after.break_glass)
        or (before.masked_documents and not after.masked_documents)
        or (before.directives and not after.directives)
    )
