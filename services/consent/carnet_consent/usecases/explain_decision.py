"""Explains a decision as it was, or would have been, taken at an instant: from what was stated then and the tables in force then."""

from dataclasses import dataclass, replace
from datetime import datetime

from carnet_platform.clock import Clock
from carnet_platform.journal import Journal

from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.asking import check_about_himself, check_holder_asks, told_to_a_professional
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.context import Question
from carnet_consent.domain.destroyed import destroyed
from carnet_consent.domain.editions import Editions
from carnet_consent.domain.explanation import HISTORY_LOST, NO_TABLES, cannot_tell, explain
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Denial
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.step import Step, StepOutcome
from carnet_consent.storage.history import History, Lost
from carnet_consent.usecases.acting import Acting
from carnet_consent.usecases.events import about_document, event, payload
from carnet_consent.usecases.open_record import Identities
from carnet_consent.usecases.read_record import ReadRecord


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer."""

    steps: tuple[Step, ...]
    reason: str
    """The name of the reason of a refusal of the record as a whole; empty for none."""
    time: datetime
    revision: int
    matrix_version: str

    @property
    def is_known(self) -> bool:
        """Whether it can be told at all."""
        return self.steps[-1].outcome is not StepOutcome.UNKNOWN

    @property
    def allows(self) -> bool:
        """Whether the reading was allowed."""
        return self.is_known and self.steps[-1].outcome is not StepOutcome.REFUSED


@dataclass(frozen=True)
class ExplainDecision:
    """The verb ExplainDecision."""

    read: ReadRecord
    history: History
    editions: Editions
    identities: Identities
    journal: Journal
    clock: Clock

    async def __call__(
        self, acting: Acting, record: str, reader: Asker, document: DocumentFacts | None, instant: datetime | None
    ) -> Explained:
        """Explain, after recording that it was asked.

        Raises RuleBrokenError unless the holder asks, or a professional about himself, and for an instant that is still to come.
        """
        now = self.clock.now()
        if instant is not None and instant > now:
            raise RuleBrokenError("INVALID_FIELD", "must not be in the future", field="time")
        present = await self.read.read(acting, record)
        if acting.asker.is_person:
            present = check_holder_asks(acting.asker, present)
        else:
            check_about_himself(acting.asker, reader, document)
            if present is not None and present.is_destroyed:
                raise destroyed(present)  # what is left explains to its former holder alone
        if reader.is_named_professional and not reader.role:
            reader = replace(reader, role=await self._role(acting, reader))
        stated = present if instant is None or present is None else await self.history.at(record, instant, present.revision)
        tables = self.editions.newest if instant is None else self.editions.in_force(instant)
        explained = self._explained(Question(reader, reader.purpose, Action.READ), stated, tables, document, instant or now)
        if not acting.asker.is_person:
            explained = replace(explained, steps=told_to_a_professional(explained.steps))
        if present is not None:
            await self._record(acting, record, reader, document)
        return explained

    @staticmethod
    def _explained(
        question: Question, stated: Consent | Lost | None, tables: Habilitation | None, document: DocumentFacts | None, instant: datetime
    ) -> Explained:
        version = tables.version if tables is not None else ""
        if isinstance(stated, Lost):
            return Explained(cannot_tell(question, HISTORY_LOST), "", instant, 0, version)
        revision = stated.revision if stated is not None else 0
        if tables is None:
            return Explained(cannot_tell(question, NO_TABLES), "", instant, revision, "")
        explanation = explain(question, stated, tables, instant, document)
        outcome = explanation.decision.outcome
        return Explained(explanation.steps, outcome.reason if isinstance(outcome, Denial) else "", instant, revision, version)

    async def _role(self, acting: Acting, reader: Asker) -> str:
        return acting.asker.role if reader.subject == acting.asker.subject else await self.identities.profession(reader.subject)

    async def _record(self, acting: Acting, record: str, reader: Asker, document: DocumentFacts | None) -> None:
        made = event("explanation.asked", record, acting, self.clock.now())
        made.grantee = reader.subject
        await self.journal.append(payload(about_document(made, document) if document is not None else made))
