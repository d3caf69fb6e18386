"""Step 1 of a decision: who asks, for which structure, for which purpose. No record is looked at here (rules.md 1 and 6)."""

from collections.abc import Mapping
from dataclasses import dataclass

from carnet_consent.domain.asker import Action, Asker, Purpose
from carnet_consent.domain.checks import Check, first_refusal
from carnet_consent.domain.outcome import Decision


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and by whom."""

    asker: Asker
    purpose: str
    """The purpose named in the request; it must be the token's."""
    action: Action


PURPOSES_OF: Mapping[Action, frozenset[str]] = {
    Action.READ: frozenset({Purpose.TREATMENT, Purpose.BREAK_GLASS, Purpose.EMERGENCY_DISPATCH, Purpose.PATIENT_REQUEST}),
    Action.DEPOSIT: frozenset({Purpose.TREATMENT, Purpose.PATIENT_REQUEST, Purpose.SYSTEM_DEPOSIT}),
    Action.MANAGE: frozenset({Purpose.PATIENT_REQUEST}),
    Action.READ_HISTORY: frozenset({Purpose.PATIENT_REQUEST}),
}
"""The purposes for which each action may be asked."""


CONTEXT_RULES: tuple[Check[Question], ...] = (
    Check(
        "session",
        "SESSION_WITHDRAWN",
        "architecture.md 4, promise 2: the session, activity, structure or certificate was withdrawn",
        "CSP L1110-4",
        lambda asked: asked.asker.is_withdrawn,
    ),
    Check(
        "person-stated",
        "USER_UNKNOWN",
        "rules.md 6: no person is stated",
        "CSP R1111-43",
        lambda asked: not asked.asker.subject or not asked.asker.role,
    ),
    Check(
        "purpose-stated",
        "PURPOSE_NOT_ALLOWED",
        "rules.md 6: the purpose is absent or not the token's",
        "CSP L1110-4",
        lambda asked: not asked.purpose or asked.purpose != asked.asker.purpose,
    ),
    Check(
        "purpose-of-action",
        "PURPOSE_NOT_ALLOWED",
        "rules.md 6: the purpose does not allow this action",
        "CSP L1110-4",
        lambda asked: asked.purpose not in PURPOSES_OF[asked.action],
    ),
    Check(
        "purpose-of-person",
        "PURPOSE_NOT_ALLOWED",
        "domain.md 3.7, 5: a person asks at her own request, and only a person does so",
        "CSP L1111-19",
        lambda asked: asked.asker.is_person != (asked.purpose == Purpose.PATIENT_REQUEST),
    ),
    Check(
        "mandate-stated",
        "MANDATE_NOT_IN_FORCE",
        "rules.md 12: who acts for another does so under a mandate in force",
        "CSP L1111-14",
        lambda asked: asked.asker.mandate is None,
        concerns=lambda asked: asked.asker.is_mandatary,
    ),
    Check(
        "named-reader",
        "ROLE_NOT_ALLOWED",
        "domain.md 3.7, 4d: only a professional authenticated by name reads for care",
        "REF-DMP, EX_AIR-085",
        lambda asked: not (asked.asker.is_person or asked.asker.is_named_professional),
        concerns=lambda asked: asked.action == Action.READ,
    ),
    Check(
        "structure-stated",
        "USER_UNKNOWN",
        "rules.md 6: no structure is stated",
        "CSP R1111-43",
        lambda asked: not asked.asker.structure,
        concerns=lambda asked: asked.asker.is_named_professional,
    ),
)
"""In this order; the first that applies refuses."""


def refused_before_any_record(question: Question) -> Decision | None:
    """Refuse a question whose context is withdrawn, absent or of the wrong kind; None when the record may be looked at."""
    return first_refusal(CONTEXT_RULES, question)
