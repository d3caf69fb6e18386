"""A question with everything that may be looked at to answer it, and the ways in which it may be answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.checks import Gate
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.context import Question
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision
from carnet_consent.domain.precedence import Finding, first_that_speaks


@dataclass(frozen=True)
class Case:
    """A question whose context is right, about a record that can be read."""

    question: Question
    consent: Consent
    habilitation: Habilitation
    now: datetime

    @property
    def asker(self) -> Asker:
        """Who asks."""
        return self.question.asker

    @cached_property
    def finding(self) -> Finding:
        """What the statements say about the asker (rules.md 2)."""
        return first_that_speaks(self.consent, self.asker, self.now)


@dataclass(frozen=True, slots=True)
class Way:
    """How one kind of question is answered: what refuses it, in this order, and what it is permitted behind that."""

    gates: tuple[Gate[Case], ...]
    permit: Callable[[Case], Decision]
