"""Explains a decision: the rules that were looked at, one by one, in the order of `decision.py`, up to the one that refused.

The steps are told by the very checks, precedence and terms that decide. Nothing is decided here.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from carnet_consent.domain.case import Case
from carnet_consent.domain.checks import told
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.context import CONTEXT_RULES, Question
from carnet_consent.domain.decision import RECORD_CHECKS, Found, decide, way_of
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision, Permit
from carnet_consent.domain.step import Step, StepOutcome

NOT_KEPT_BY_DATE = "session"
"""The step that an explanation cannot look at: what was withdrawn elsewhere is kept only as long as a token could still name it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, about a record or about one document in it, with the steps that lead to it."""

    decision: Decision
    """About the record as a whole."""
    steps: tuple[Step, ...]

    @property
    def allows(self) -> bool:
        """Whether the reading was allowed: of the document, if one was named."""
        return not self.steps or self.steps[-1].outcome not in {StepOutcome.REFUSED, StepOutcome.UNKNOWN}


def explain(question: Question, found: Found, habilitation: Habilitation, now: datetime, document: DocumentFacts | None) -> Explanation:
    """Explain how `decide` answers this question, and whether the document passes the filter of its permit.

    The first four are as `decide` takes them; without a document the record alone is explained.
    """
    decision = decide(question, found, habilitation, now)
    steps = list(told(CONTEXT_RULES, question))
    if _let_through(steps):
        steps += told(RECORD_CHECKS, found)
    if _let_through(steps):
        steps += told(way_of(question).gates, Case(question, cast(Consent, found), habilitation, now))
    if isinstance(decision.outcome, Permit) and document is not None:
        steps += decision.outcome.filter.steps(document)
    return Explanation(decision, tuple(_as_kept(step) for step in steps))


def _let_through(steps: list[Step]) -> bool:
    return steps[-1].outcome is not StepOutcome.REFUSED


def _as_kept(step: Step) -> Step:
    is_left_open = step.key == NOT_KEPT_BY_DATE and step.outcome is StepOutcome.PASSED
    return replace(step, outcome=StepOutcome.DID_NOT_APPLY) if is_left_open else step


HISTORY_LOST = Step(
    "history", StepOutcome.UNKNOWN, "rules.md 6: what was stated then was not kept, or cannot be believed", "CSP R1111-46, L1111-18"
)
NO_TABLES = Step(
    "tables", StepOutcome.UNKNOWN, "domain.md 4: no edition of the habilitation matrix was in force then", "arrete of 26 October 2023"
)


def cannot_tell(question: Question, missing: Step) -> tuple[Step, ...]:
    """The steps that need no record, then what is missing; without it where the context alone refuses."""
    steps = list(told(CONTEXT_RULES, question))
    return tuple(_as_kept(step) for step in (steps if not _let_through(steps) else [*steps, missing]))
