"""One check of a decision: whom it concerns, what it refuses, for which reason, under which rule and source.

A decision is the first check that refuses, or the permit behind all of them; an explanation is the same checks in the same order, told
one by one. So there is one list of rules, and no explanation can say what was not decided.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from carnet_consent.domain.outcome import Decision, denied
from carnet_consent.domain.step import Step, StepOutcome

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


def everybody(_: object) -> bool:
    """Concern every question."""
    return True


class Gate(Protocol[T_contra]):
    """What a question must come through."""

    def refusal(self, of: T_contra) -> Decision | None:
        """The denial, or None when it lets the question through."""

    def steps(self, of: T_contra) -> Iterator[Step]:
        """The same, told: ends with the rule that refused, if one did."""


@dataclass(frozen=True, slots=True)
class Check(Generic[T]):
    """A rule that refuses or lets through."""

    key: str
    reason: str
    """The name of a `carnet.common.v1.ErrorReason`."""
    rule: str
    source: str
    refuses: Callable[[T], bool]
    concerns: Callable[[T], bool] = everybody

    def denial(self) -> Decision:
        """The answer when it refuses."""
        return denied(self.reason, self.rule, self.source)

    def refusal(self, of: T) -> Decision | None:
        """The denial, or None when the check does not concern the question or lets it through."""
        return self.denial() if self.refuses(of) and self.concerns(of) else None

    def steps(self, of: T) -> Iterator[Step]:
        """Tell what came of it."""
        outcome = StepOutcome.DID_NOT_APPLY
        if self.concerns(of):
            outcome = StepOutcome.REFUSED if self.refuses(of) else StepOutcome.PASSED
        yield Step(self.key, outcome, self.rule, self.source)


def first_refusal(gates: Iterable[Gate[T]], of: T) -> Decision | None:
    """Answer as the first gate that refuses; None when all let through."""
    for gate in gates:
        refused = gate.refusal(of)
        if refused is not None:
            return refused
    return None


def told(gates: Iterable[Gate[T]], of: T) -> Iterator[Step]:
    """Tell the same gates in the same order, up to the one that refuses."""
    for gate in gates:
        for step in gate.steps(of):
            yield step
            if step.outcome is StepOutcome.REFUSED:
                return
