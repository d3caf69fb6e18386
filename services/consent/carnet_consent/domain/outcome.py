"""What a decision is: a permit with its filter, or a denial with its reason, and what either rests on.

An emergency, a block, an absence: each is told by its reason and its rule, so that the decision can be explained later under the same text.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.filter import DocumentFilter


class Obligation(StrEnum):
    """What must go with a release."""

    SHOW_EMERGENCY = "SHOW_EMERGENCY"
    """The software shows during the whole access that the glass is broken (EX_0.2-1050)."""
    NOTIFY_EMERGENCY = "NOTIFY_EMERGENCY"
    """The holder and the attending physician are told afterwards (CSP R1111-48)."""
    MASK_DEPOSIT = "MASK_DEPOSIT"
    """What is deposited is masked from professionals, as the holder chose beforehand (`default_visibility.py`)."""


def obligations_of_deposit(consent: Consent) -> tuple[Obligation, ...]:
    """What must go with a deposit, whoever makes it."""
    return (Obligation.MASK_DEPOSIT,) if consent.masks_new_documents else ()


@dataclass(frozen=True, slots=True)
class Permit:
    """An allowance, and what it covers."""

    filter: DocumentFilter
    obligations: tuple[Obligation, ...] = ()
    ends: datetime | None = None
    """When the first of the facts it rests on ends; None when they do not end by themselves."""
    episode: str = ""
    """Identifier of the emergency episode under which it is given."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal: the name of a `carnet.common.v1.ErrorReason`."""

    reason: str

    @property
    def message(self) -> str:
        """A sentence for the user that reveals nothing a refused user may not know (rules.md 7)."""
        return SENTENCES[self.reason]


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, the rule that decided, and its source."""

    outcome: Permit | Denial
    rule: str
    source: str

    @property
    def permits(self) -> bool:
        """Whether it allows; everything else refuses."""
        return isinstance(self.outcome, Permit)


def denied(reason: str, rule: str, source: str) -> Decision:
    """Refuse, for a reason, under a rule."""
    return Decision(Denial(reason), rule, source)


SENTENCES = {
    "SESSION_WITHDRAWN": "This session has ended. Log in again.",
    "USER_UNKNOWN": "The user or the structure acted for is not stated. Name a structure where the user works.",
    "PURPOSE_NOT_ALLOWED": "This purpose is not the one stated at log-in, or is not open to this user.",
    "ROLE_NOT_ALLOWED": "This user has no right to this operation.",
    "MANDATE_NOT_IN_FORCE": "The mandate is not in force.",
    "NOT_FOUND": "There is no such record.",
    "RECORD_CLOSED": "The record is closed.",
    "RECORD_DESTROYED": "The record is destroyed, or is being destroyed.",
    "CONSENT_UNREADABLE": "What is stated about this access cannot be read with certainty. Call the operator.",
    "BLOCKED": "The person blocked this access. Ask your patient.",
    "DEPOSIT_OPPOSED": "The person opposed this deposit. Ask your patient.",
    "NEEDS_CONSENT": "The person's consent is needed. Ask your patient.",
    "EMERGENCY_OPPOSED": "The person opposed emergency access.",
    "EMERGENCY_PROFESSION_NOT_ALLOWED": "This profession may not use emergency access.",
    "EPISODE_ENDED": "There is no open emergency access. Break the glass again if the emergency lasts.",
}
"""A sentence for each reason of a denial."""
