"""What is told of a record that is destroyed, or is being: that it is, why and since when, as a code and a date (rules.md 7 and 16)."""

from collections.abc import Iterator
from dataclasses import dataclass

from carnet_consent.domain.asker import Action
from carnet_consent.domain.case import Case
from carnet_consent.domain.checks import Check
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.step import Step

REASON = "RECORD_DESTROYED"
_DESTROYED = (REASON, "rules.md 16: what was in it cannot be read any more", "CSP L1111-18")
LEFT = frozenset({Action.READ_HISTORY})
"""What the former holder keeps: destroying a record does not acquit who looked (rules.md 16)."""


@dataclass(frozen=True, slots=True)
class ToldWhenItRefuses(Check[Case]):
    """A check that explanations leave out where it lets through: of a record that is there nobody asks whether it was destroyed."""

    def steps(self, of: Case) -> Iterator[Step]:
        """Tell that it refused."""
        if self.refusal(of) is not None:
            yield from Check.steps(self, of)


RECORD_KEPT = ToldWhenItRefuses("kept", *_DESTROYED, lambda case: case.consent.is_destroyed)
KEPT_FOR_THE_HOLDER = ToldWhenItRefuses("kept", *_DESTROYED, lambda case: case.consent.is_destroyed and case.question.action not in LEFT)


def destroyed(consent: Consent) -> RuleBrokenError:
    """The refusal of anything else about such a record."""
    going_on = consent.destruction
    when = None if going_on is None else going_on.destroyed or going_on.begun
    told = {"state": consent.state.value, "closing_motive_code": "" if consent.closing is None else consent.closing.motive}
    if when is not None:
        told["time"] = when.isoformat(timespec="seconds")
    return RuleBrokenError(REASON, "The record is destroyed, or is being destroyed.", metadata=told)
