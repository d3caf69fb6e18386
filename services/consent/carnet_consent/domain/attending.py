"""The attending physician (medecin traitant): given by the holder, a doctor, one at a time (rules.md 4).

Declared by the doctor himself it is pending and opens no masked document until the holder confirms. On a change the former one
loses it that second. A block or a document hidden by name beats it, because neither rule asks who is attending physician.
"""

from dataclasses import replace
from datetime import datetime

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import AttendingPhysician, Consent
from carnet_consent.domain.holder import acts_as_holder
from carnet_consent.domain.precedence import first_that_speaks
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import check_holder, check_may_change, check_treating

DOCTOR = "10"
"""TRE_G15 code of the only profession that can be attending physician."""


def declare(consent: Consent, asker: Asker, professional: str, profession: str, now: datetime) -> tuple[Consent, bool]:
    """Declare an attending physician: confirmed when the holder does it, pending when the doctor does.

    Returns:
        The consent, and whether the doctor is confirmed.
    """
    check_may_change(asker, consent)
    by_holder = acts_as_holder(asker, consent)
    if by_holder:
        check_holder(asker, consent)
    else:
        _check_may_declare_himself(consent, asker, professional, now)
    if profession != DOCTOR:
        raise RuleBrokenError("INVALID_FIELD", "must be a doctor (profession 10)", field="professional")
    if by_holder:
        return _with_confirmed(consent, professional), True
    if consent.has_confirmed(professional):
        return consent, True
    return _with_pending(consent, professional), False


def confirm(consent: Consent, asker: Asker, professional: str) -> Consent:
    """Confirm a pending attending physician, as the holder."""
    check_holder(asker, consent)
    if professional not in {a.professional for a in consent.attending_physicians}:
        raise RuleBrokenError("NOT_FOUND", "This doctor did not declare to be attending physician.")
    return _with_confirmed(consent, professional)


def end_attending(consent: Consent, asker: Asker, professional: str) -> Consent:
    """End a doctor's standing: by the holder, or by the doctor himself. What he was authorised to read stays (TD0.3)."""
    check_may_change(asker, consent)
    if acts_as_holder(asker, consent):
        check_holder(asker, consent)
    elif asker.subject != professional:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder or the doctor himself may end it.")
    kept = tuple(a for a in consent.attending_physicians if a.professional != professional)
    if len(kept) == len(consent.attending_physicians):
        raise RuleBrokenError("NOT_FOUND", "This doctor is not attending physician.")
    return replace(consent, attending_physicians=kept)


def somebody_lost_it(before: Consent, after: Consent) -> bool:
    """Whether a change took the standing of a confirmed attending physician away: then it is a withdrawal."""
    return any(a.is_confirmed and not after.has_confirmed(a.professional) for a in before.attending_physicians)


def _check_may_declare_himself(consent: Consent, asker: Asker, professional: str, now: datetime) -> None:
    check_treating(asker)
    if professional != asker.subject:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "A doctor declares himself; only the holder names another.")
    finding = first_that_speaks(consent, asker, now)
    if not finding.authorises:
        raise RuleBrokenError(finding.refusal, "The person's consent comes first. Ask your patient.")


def _with_confirmed(consent: Consent, professional: str) -> Consent:
    pending = tuple(a for a in consent.attending_physicians if not a.is_confirmed and a.professional != professional)
    return replace(consent, attending_physicians=(*pending, AttendingPhysician(professional, is_confirmed=True)))


def _with_pending(consent: Consent, professional: str) -> Consent:
    others = tuple(a for a in consent.attending_physicians if a.professional != professional)
    return replace(consent, attending_physicians=(*others, AttendingPhysician(professional, is_confirmed=False)))
