"""The access decision: who may do what in a record, in the order of rules.md 1.

    1. who asks, for which structure, for which purpose: nothing about a record is looked at before   (context.py)
    2. the record, whether what it states can stand together, and its state
    3. what the purpose asks for: care with consent (treatment.py, precedence.py), an emergency (emergency.py),
       the person herself (holder.py), somebody for her (mandatary.py), a deposit (deposit.py)
    4. within each: the habilitation of the profession (matrix.py), and the documents, as a filter (filter.py)

Every path ends in a permit or a denial that names the rule that decided and its source. What no rule permits is refused.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from carnet_consent.domain.asker import Action, Asker, Purpose
from carnet_consent.domain.consent import Consent, RecordState, contradictions
from carnet_consent.domain.context import Question, refused_before_any_record
from carnet_consent.domain.deposit import decide_deposit
from carnet_consent.domain.emergency import decide_break_glass, decide_dispatch
from carnet_consent.domain.holder import absent_record, closed_record, decide_holder
from carnet_consent.domain.mandatary import decide_mandatary
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision, denied
from carnet_consent.domain.treatment import decide_treatment


class Unreadable:
    """Stands for a record whose stored consent lacks a part, fails its seal, or is older than what is known of it."""


READING_FOR_CARE: Mapping[str, Callable[[Asker, Consent, Habilitation, datetime], Decision]] = {
    Purpose.TREATMENT: decide_treatment,
    Purpose.BREAK_GLASS: decide_break_glass,
    Purpose.EMERGENCY_DISPATCH: decide_dispatch,
}
"""What decides a reading by a professional, by its purpose."""


def decide(question: Question, consent: Consent | Unreadable | None, habilitation: Habilitation, now: datetime) -> Decision:
    """Decide a question about a record.

    Args:
        question: who asks what, for which purpose.
        consent: what the holder stated; None when there is no such record.
        habilitation: the tables in force.
        now: the instant of the decision, UTC.
    """
    refused = refused_before_any_record(question)  # 1
    if refused is not None:
        return refused
    if consent is None:  # 2
        return absent_record()
    if isinstance(consent, Unreadable) or any(contradictions(consent)):
        return unreadable_record()
    if question.asker.is_mandatary:  # 3
        return decide_mandatary(question.asker, question.action, consent, habilitation, now)
    if question.purpose == Purpose.PATIENT_REQUEST:  # the holder keeps some rights while the record is closed
        return decide_holder(question.asker, question.action, consent, habilitation)
    return _decide_for_care(question, consent, habilitation, now) if consent.state == RecordState.ACTIVE else closed_record()


def _decide_for_care(question: Question, consent: Consent, habilitation: Habilitation, now: datetime) -> Decision:
    """Decide for everybody but the holder and who acts for her, on an active record."""
    if question.action == Action.DEPOSIT:
        return decide_deposit(question.asker, habilitation)
    reading = READING_FOR_CARE.get(question.purpose) if question.action == Action.READ else None
    if reading is None:
        return denied("PURPOSE_NOT_ALLOWED", "rules.md 6: what no rule permits is refused", "CSP R1111-46")
    return reading(question.asker, consent, habilitation, now)


def unreadable_record() -> Decision:
    """Answer for a record whose statements contradict each other, or whose seal is missing or wrong."""
    return denied("CONSENT_UNREADABLE", "rules.md 6: what is stated contradicts itself or fails its seal", "CSP R1111-46")
