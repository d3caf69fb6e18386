"""The access decision: who may do what in a record, in the order of rules.md 1.

    1. who asks, for which structure, for which purpose: nothing about a record is looked at before   (context.py)
    2. the record, whether what it states can stand together, and its state
    3. what the purpose asks for: care with consent (treatment.py, precedence.py), an emergency (emergency.py),
       the person herself (holder.py), somebody for her (mandatary.py), a deposit (deposit.py)
    4. within each: the habilitation of the profession (matrix.py), and the documents, as a filter (filter.py)

Every path is a list of checks with a permit behind it (case.py): it ends in a permit or a denial that names the rule that decided and its
source. What no rule permits is refused. An explanation goes through the same lists (explanation.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from carnet_consent.domain.asker import Action, Purpose
from carnet_consent.domain.case import Case, Way
from carnet_consent.domain.checks import Check, Gate, first_refusal
from carnet_consent.domain.consent import Consent, contradictions
from carnet_consent.domain.context import Question, refused_before_any_record
from carnet_consent.domain.deposit import DEPOSIT
from carnet_consent.domain.destroyed import RECORD_KEPT
from carnet_consent.domain.emergency import BREAK_GLASS, DISPATCH
from carnet_consent.domain.holder import ABSENT, HOLDER, RECORD_ACTIVE
from carnet_consent.domain.mandatary import MANDATARY
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision
from carnet_consent.domain.treatment import TREATMENT


class Unreadable:
    """Stands for a record whose stored consent lacks a part, fails its seal, or is older than what is known of it."""


Found = Consent | Unreadable | None
"""What was read of a record; None when there is none."""

RECORD_EXISTS: Check[Found] = Check("record", *ABSENT, lambda found: found is None or (isinstance(found, Consent) and found.is_unopened))
RECORD_READABLE: Check[Found] = Check(
    "record-readable",
    "CONSENT_UNREADABLE",
    "rules.md 6: what is stated contradicts itself or fails its seal",
    "CSP R1111-46",
    lambda found: isinstance(found, Unreadable) or (found is not None and any(contradictions(found))),
)
RECORD_CHECKS: tuple[Gate[Found], ...] = (RECORD_EXISTS, RECORD_READABLE)
"""What is looked at in a record before anything it states."""

SOME_RULE_PERMITS: Check[Case] = Check(
    "some-rule", "PURPOSE_NOT_ALLOWED", "rules.md 6: what no rule permits is refused", "CSP R1111-46", lambda _: True
)
NO_WAY = Way((RECORD_KEPT, RECORD_ACTIVE, SOME_RULE_PERMITS), lambda _: SOME_RULE_PERMITS.denial())
READING_FOR_CARE: Mapping[str, Way] = {
    Purpose.TREATMENT: TREATMENT,
    Purpose.BREAK_GLASS: BREAK_GLASS,
    Purpose.EMERGENCY_DISPATCH: DISPATCH,
}
"""What decides a reading by a professional, by its purpose."""


def decide(question: Question, consent: Found, habilitation: Habilitation, now: datetime) -> Decision:
    """Decide a question about a record.

    Args:
        question: who asks what, for which purpose.
        consent: what the holder stated; None when there is no such record.
        habilitation: the tables in force.
        now: the instant of the decision, UTC.
    """
    refused = refused_before_any_record(question) or first_refusal(RECORD_CHECKS, consent)  # 1, 2
    if refused is not None:
        return refused
    way, case = way_of(question), Case(question, cast(Consent, consent), habilitation, now)  # 3; what is no Consent was refused
    return first_refusal(way.gates, case) or way.permit(case)


def way_of(question: Question) -> Way:
    """The way in which a question is answered, by who asks, what, and for which purpose."""
    if question.asker.is_mandatary:
        return MANDATARY
    if question.purpose == Purpose.PATIENT_REQUEST:
        return HOLDER
    if question.action == Action.DEPOSIT:
        return DEPOSIT
    return READING_FOR_CARE.get(question.purpose, NO_WAY) if question.action == Action.READ else NO_WAY
