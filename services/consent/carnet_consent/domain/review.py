"""The review of an emergency access: somebody looks, afterwards, whether the glass had to be broken (rules.md 9; OWN: no text asks for it).

Every episode gets one, due some days after it has ended. A data-protection officer concludes it, in words: he is named by the identity
provider, works for no structure and treats nobody, so he is never the professional whose access it is. The outcome is told to the person.
One that is not concluded in time stays due, and is overdue until somebody concludes it. A review opens and closes nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.refusal import RuleBrokenError

REVIEWER = "DATA_PROTECTION_OFFICER"
"""The role that reviews (CSP R1111-43: accesses are traced; GDPR art. 39: the officer monitors)."""
WORDS_LENGTH = range(3, 1001)
"""How many characters an outcome's reason in words has. The person will read it."""


class ReviewState(StrEnum):
    """Whether the review is awaited, and what it found."""

    DUE = "DUE"
    JUSTIFIED = "JUSTIFIED"
    NOT_JUSTIFIED = "NOT_JUSTIFIED"


@dataclass(frozen=True, slots=True)
class Review:
    """One episode as its reviewer sees it: enough to judge it, nothing of the record's content."""

    episode: str
    """`records/{record}/emergencyEpisodes/{episode}`."""
    record: str
    professional: str
    structure: str
    begin: datetime
    end: datetime
    due: datetime
    motive: str
    """The code of why the glass was broken."""
    reason: str
    """The professional's words, when he broke it first."""
    uses: int = 1
    """How often it was broken: once, and once for each time that the open episode was joined."""
    state: ReviewState = ReviewState.DUE
    words: str = ""
    """Of the reviewer."""
    reviewer: str = ""
    concluded: datetime | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Whether nobody concluded it in time."""
        return self.state is ReviewState.DUE and self.due <= now


def check_may_review(asker: Asker) -> None:
    """Refuse everybody but a data-protection officer at work. No review is looked at before."""
    if not asker.subject.startswith("operators/") or asker.role != REVIEWER:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only a data-protection officer reviews emergency accesses.")
    if asker.purpose != Purpose.OPERATIONS:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "Reviewing is work of operations.")


def check_outcome(outcome: ReviewState, words: str) -> None:
    """Refuse an outcome that is none, or is not explained in words."""
    if outcome is ReviewState.DUE:
        raise RuleBrokenError("INVALID_FIELD", "is required: justified, or not", field="outcome")
    if len(words.strip()) not in WORDS_LENGTH or not any(character.isalpha() for character in words):
        raise RuleBrokenError("INVALID_FIELD", "must say why in words, in 3 to 1000 characters", field="words")


def conclude(review: Review, asker: Asker, outcome: ReviewState, words: str, now: datetime) -> Review:
    """Conclude a review, once, when its episode has ended."""
    if now < review.end:
        raise RuleBrokenError("STATE_FORBIDS", "The emergency lasts on. Review it when it has ended.")
    if review.state is not ReviewState.DUE:
        raise RuleBrokenError("STATE_FORBIDS", "It was reviewed already.")
    return replace(review, state=outcome, words=words.strip(), reviewer=asker.subject, concluded=now)
