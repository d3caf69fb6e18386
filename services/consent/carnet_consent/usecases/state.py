"""States and takes back: authorisations, care relations, blocks (TD0.3)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Session
from google.protobuf.message import Message

from carnet_consent.domain.budget import counts_when_stated
from carnet_consent.domain.consent import Consent, Statement, StatementKind
from carnet_consent.domain.stating import Durations, Wish, state, take_back
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_statement, event, statement_kind
from carnet_consent.usecases.opening_budget import OpeningBudget


@dataclass(frozen=True)
class State:
    """The verbs CreateAuthorisation and DeleteAuthorisation."""

    changes: Changes
    durations: Durations
    budget: OpeningBudget

    async def create(self, write: Write, record: str, wish: Wish, answer: Callable[[Changed[Statement]], Message]) -> bytes:
        """State something about a grantee. A block is a withdrawal; so is what shortens an earlier statement, by the same wait."""
        statement_id = new_id()

        def change(consent: Consent, now: datetime) -> Changed[Statement]:
            after, statement = state(consent, write.acting.asker, wish, now, self.durations, statement_id=statement_id)
            told = event(statement_kind(statement, "created"), record, write.acting, now, write.asked.request_id)
            withdraws = wish.kind == StatementKind.BLOCK or _is_shortened(consent, statement, now)
            return Changed(after, (about_statement(told, statement),), statement, withdraws=withdraws)

        async def also(session: Session, before: Consent, now: datetime) -> None:
            del session, now  # counted for all that is tried, and for good
            if counts_when_stated(write.acting.asker, before, wish):
                await self.budget.take(write.acting, before.patient)

        return await self.changes.apply(write, record, change, answer, also=also)

    async def delete(self, write: Write, record: str, statement_id: str, answer: Callable[[Changed[Statement]], Message]) -> bytes:
        """Take a statement back. Acknowledged once it holds everywhere; an unblocking opens nothing by itself and need not wait."""

        def change(consent: Consent, now: datetime) -> Changed[Statement]:
            after, statement = take_back(consent, write.acting.asker, statement_id, now)
            told = event(statement_kind(statement, "deleted"), record, write.acting, now, write.asked.request_id)
            return Changed(after, (about_statement(told, statement),), statement, withdraws=statement.kind != StatementKind.BLOCK)

        return await self.changes.apply(write, record, change, answer)


def _is_shortened(before: Consent, statement: Statement, now: datetime) -> bool:
    """Whether a new statement takes the place of one in force that would have lasted longer."""
    earlier = [s for s in before.in_force_about(statement.grantee, now) if s.kind == statement.kind]
    return any(statement.end is not None and (s.end is None or statement.end < s.end) for s in earlier)
