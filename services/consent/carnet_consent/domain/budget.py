"""The opening budget: how many persons' records somebody may open in a day without ever having had to do with them (rules.md 7 and 10).

A national register is enumerated by asking for one person after the other. Whoever treats somebody is known to her record from the first
statement on, and never counted again. What is counted, once a day for each person asked for:

- LookupRecord by a professional about whom, and about whose structure, the record states nothing, or where there is no record: that it is
  absent is told within the budget as well, or the budget would tell who has one;
- a professional's own statement that the person consented, on a record that stated nothing about him before;
- but not whom the structure has just said, by its signature, to be in his care (`care_contact.py`).

Beyond the budget of the professional, or of the structure he acts for, it is refused until the day (UTC) ends, and an alarm is raised.
In an emergency it is counted apart, raises the alarm, and is never refused. Source: rules.md 7 and 10; the numbers are OWN.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.consent import Consent, StatementKind
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Wish

EMERGENCIES = frozenset({Purpose.BREAK_GLASS, Purpose.EMERGENCY_DISPATCH})


@dataclass(frozen=True, slots=True)
class Budget:
    """Openings of a day (UTC)."""

    professional: int
    structure: int

    def of(self, asker: Asker) -> Iterator[tuple[str, int]]:
        """Against whose budgets an opening counts, and how great each is."""
        yield asker.subject, self.professional
        if asker.structure:
            yield asker.structure, self.structure


def counts_when_looked_up(asker: Asker, consent: Consent | None) -> bool:
    """Whether asking for a person's record counts: for a professional by name whom the record, if there is one, does not know."""
    return asker.is_named_professional and not is_known(asker, consent)


def counts_when_stated(asker: Asker, consent: Consent, wish: Wish) -> bool:
    """Whether a statement counts: a professional's own, for himself, where the record does not know him. A block opens nothing."""
    is_opening = wish.kind is not StatementKind.BLOCK and wish.grantee == asker.subject
    return is_opening and asker.is_named_professional and not is_known(asker, consent)


def is_known(asker: Asker, consent: Consent | None) -> bool:
    """Whether a record states, or stated, anything about the asker or the structure he acts for."""
    return consent is not None and any(statement.grantee in asker.grantees for statement in consent.statements)


def is_never_refused(asker: Asker) -> bool:
    """Whether the budget only raises an alarm (rules.md 10)."""
    return asker.purpose in EMERGENCIES


def day_of(now: datetime) -> str:
    """The day, UTC, in which an opening counts."""
    return now.date().isoformat()


def spent(now: datetime) -> RuleBrokenError:
    """The refusal beyond the budget, with when the next day begins."""
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    message = "Too many records were opened for the first time today. Present a care contact; in an emergency, break the glass."
    return RuleBrokenError("OPENING_BUDGET_SPENT", message, retry_after=tomorrow - now)
