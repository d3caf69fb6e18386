"""Counts records that are opened for the first time, and refuses beyond the budget (`domain/budget.py`).

Who passes it is told once a day: an alarm, and an event in the operators' stream. In an emergency nothing here refuses: neither the
budget nor a store that does not count.
"""

from dataclasses import dataclass

import structlog
from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal
from carnet_platform.journal import Journal
from pymongo.errors import PyMongoError

from carnet_consent.domain.budget import Budget, counts_when_looked_up, day_of, is_never_refused, spent
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.care_contacts import CareContacts
from carnet_consent.storage.openings import Openings
from carnet_consent.storage.told import Told
from carnet_consent.usecases.acting import Acting
from carnet_consent.usecases.events import event, payload
from carnet_consent.usecases.record_refusals import RecordRefusals

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class OpeningBudget:
    """Takes openings from the budgets of the day."""

    openings: Openings
    contacts: CareContacts
    told: Told
    journal: Journal
    clock: Clock
    budget: Budget
    refusals: RecordRefusals

    async def look_up(self, acting: Acting, patient: str, consent: Consent | None) -> None:
        """Count that a person's record is asked for, where that counts; what is refused stands in the history of the record."""
        if not counts_when_looked_up(acting.asker, consent):
            return
        try:
            await self.take(acting, patient)
        except RuleBrokenError as broken:
            await self.refusals(acting, consent.record if consent is not None else "", broken.reason)
            raise

    async def take(self, acting: Acting, patient: str) -> None:
        """Count that this person's record is opened. Raises RuleBrokenError OPENING_BUDGET_SPENT beyond the budget, but in an emergency."""
        if not is_never_refused(acting.asker):
            await self._take(acting, patient)
            return
        try:
            await self._count_emergency(acting, patient)
        except (PyMongoError, Refusal) as error:
            _log.warning("openings.not_counted", kind=type(error).__name__)

    async def _take(self, acting: Acting, patient: str) -> None:
        now = self.clock.now()
        day, professional = day_of(now), acting.asker.subject
        if await self.openings.was_counted(day, professional, patient):
            return
        if await self.contacts.holds(professional, acting.asker.structure, patient, now):
            return
        for who, most in self.budget.of(acting.asker):
            if not await self.openings.take(day, who, most):
                await self._tell(acting, day, who)
                raise spent(now)
        await self.openings.remember(day, professional, patient)

    async def _count_emergency(self, acting: Acting, patient: str) -> None:
        day = f"{day_of(self.clock.now())} emergency"
        if await self.openings.was_counted(day, acting.asker.subject, patient):
            return
        for who, most in self.budget.of(acting.asker):
            if await self.openings.take(day, who, None) > most:
                await self._tell(acting, day, who)
        await self.openings.remember(day, acting.asker.subject, patient)

    async def _tell(self, acting: Acting, day: str, who: str) -> None:
        if not await self.told.first(f"openings {day} {who}"):
            return
        is_refused = not is_never_refused(acting.asker)
        _log.error("openings.budget_spent", who=who, is_refused=is_refused)
        made = event("opening.budget_spent", "", acting, self.clock.now())
        made.subject, made.decision, made.reason = who, "deny" if is_refused else "permit", "OPENING_BUDGET_SPENT"
        await self.journal.append(payload(made))
