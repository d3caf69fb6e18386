"""Opens a record: on the person's request, with evidence, for a qualified identity (rules.md 18).

Where she had opposed the opening of one, or one is only announced, that very record is opened, with its history.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from carnet_platform.identifiers import new_id
from google.protobuf.message import Message

from carnet_consent.domain.announcing import OpeningWay, check_may_open_over, check_way, taken_over
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.opening import Opening, check_may_open, open_record
from carnet_consent.domain.person import check_compared, check_departement, check_lives_and_is_qualified
from carnet_consent.domain.stating import Durations
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_statement, about_switches, event
from carnet_consent.usecases.persons import Persons


class Identities(Persons, Protocol):
    """What consent asks of the service that knows persons and professionals."""

    async def profession(self, professional: str) -> str:
        """TRE_G15 code of a professional; empty for one that is unknown."""


@dataclass(frozen=True)
class OpenRecord:
    """The verb of OpenRecord."""

    changes: Changes
    identities: Identities
    durations: Durations
    way: OpeningWay = OpeningWay.ON_REQUEST
    open_departements: frozenset[str] = frozenset()
    """Where records are opened; empty for everywhere."""

    async def __call__(self, write: Write, opening: Opening, answer: Callable[[Changed[None]], Message]) -> bytes:
        """Open a record; the professional who opens it is authorised by it. Refuses an identity that is not qualified."""
        asker = write.acting.asker
        check_may_open(asker, opening)
        person = await self.identities.status(opening.patient, asker.subject if asker.is_named_professional else "")
        check_compared(person)
        check_lives_and_is_qualified(person)
        check_departement(person, self.open_departements)
        present, is_active = await self.changes.records.name_of(opening.patient)
        if not present:
            check_way(self.way, OpeningWay.ON_REQUEST)
        # An active one may be of this very request, asked again: `create` tells.
        record = present if present and not is_active else f"records/{new_id()}"
        statement_id = new_id()

        def make(now: datetime) -> Changed[None]:
            consent = open_record(asker, opening, now, self.durations, record=record, statement_id=statement_id)
            opened = about_switches(event("record.opened", record, write.acting, now, write.asked.request_id), consent.switches)
            authorised = [
                about_statement(event("authorisation.created", record, write.acting, now, write.asked.request_id), statement)
                for statement in consent.statements
            ]
            return Changed(consent, (opened, *authorised), None)

        def take_over(before: Consent, now: datetime) -> Changed[None]:
            check_may_open_over(before, opening, self.way)
            made = make(now)
            return replace(made, consent=taken_over(before, made.consent))

        if record == present:
            return await self.changes.apply(write, record, take_over, answer)
        return await self.changes.create(write, make, answer)
