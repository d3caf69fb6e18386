"""Opens a record: on the person's request, with evidence, for a qualified identity (rules.md 18)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from carnet_platform.identifiers import new_id
from google.protobuf.message import Message

from carnet_consent.domain.opening import Opening, check_may_open, open_record
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Durations
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_statement, about_switches, event


class Identities(Protocol):
    """What consent asks of the service that knows persons."""

    async def is_qualified(self, patient: str) -> bool:
        """Whether a person's identity is qualified; RuleBrokenError NOT_FOUND for a name never given."""

    async def profession(self, professional: str) -> str:
        """TRE_G15 code of a professional; empty for one that is unknown."""


@dataclass(frozen=True)
class OpenRecord:
    """The verb of OpenRecord."""

    changes: Changes
    identities: Identities
    durations: Durations

    async def __call__(self, write: Write, opening: Opening, answer: Callable[[Changed[None]], Message]) -> bytes:
        """Open a record; the professional who opens it is authorised by it. Refuses an identity that is not qualified."""
        asker = write.acting.asker
        check_may_open(asker, opening)
        if not await self.identities.is_qualified(opening.patient):
            raise RuleBrokenError("IDENTITY_NOT_QUALIFIED", "Qualify the identity first: INSi and an identity paper.")
        present, is_active = await self.changes.records.name_of(opening.patient)
        if present and not is_active:
            # A new record beside a closed one would shed its blocks and hidings (rules.md 15).
            raise RuleBrokenError("RECORD_CLOSED", "The person has a closed record. Reopen it with her renewed consent.")
        record, statement_id = f"records/{new_id()}", new_id()

        def make(now: datetime) -> Changed[None]:
            consent = open_record(asker, opening, now, self.durations, record=record, statement_id=statement_id)
            opened = about_switches(event("record.opened", record, write.acting, now, write.asked.request_id), consent.switches)
            authorised = [
                about_statement(event("authorisation.created", record, write.acting, now, write.asked.request_id), statement)
                for statement in consent.statements
            ]
            return Changed(consent, (opened, *authorised), None)

        return await self.changes.create(write, make, answer)
