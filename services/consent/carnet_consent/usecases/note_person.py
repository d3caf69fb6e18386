"""Learns whether a person has died, or that this was a mistake (rules.md 17): identity says that something changed, and is asked what.

So the order in which such messages arrive, and how often, does not matter: what is true now is asked, with the person's revision.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.death import learn, restart_opening
from carnet_consent.domain.person import PersonStatus
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_closing, own_event
from carnet_consent.usecases.persons import Persons


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long what is announced waits."""

    late_results: timedelta = timedelta(days=30)
    """Deposits after a death (rules.md 17)."""
    to_oppose: timedelta = timedelta(weeks=6)
    """An announced opening (CSP R1111-28)."""


def learnt(consent: Consent, person: PersonStatus, now: datetime, lasting: Lasting) -> Changed[None]:
    """The record after what identity tells of its holder; without an event when that changes nothing."""
    after = learn(consent, is_deceased=person.is_deceased, revision=person.revision, now=now, late_results=lasting.late_results)
    if after is consent:
        return Changed(consent, (), None)
    if person.is_deceased:
        return Changed(after, (about_closing(own_event("record.death_learnt", consent.record, now), after),), None)
    told = own_event("record.death_undone", consent.record, now)
    told.change = consent.state.value
    return Changed(restart_opening(after, now, lasting.to_oppose), (told,), None)


@dataclass(frozen=True)
class NotePerson:
    """The verb RefreshPersonStatus."""

    changes: Changes
    persons: Persons
    lasting: Lasting

    async def __call__(self, patient: str) -> None:
        """Ask identity and change the person's record accordingly. NOT_FOUND for a person identity does not know."""
        person = await self.persons.status(patient)
        record, _ = await self.changes.records.name_of(patient)
        if record:

            def change(consent: Consent, now: datetime) -> Changed[None]:
                return learnt(consent, person, now, self.lasting)

            await self.changes.by_itself(record, change)
