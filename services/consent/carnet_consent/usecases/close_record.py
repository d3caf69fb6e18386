"""Closes a record, opposes an announced closing, reopens a record (rules.md 15). What time does with it is in `pass_time.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from carnet_platform.mongo import Session
from google.protobuf.message import Message

from carnet_consent.domain.closing import ClosingWish, Renewal, Terms, close, oppose, reopen
from carnet_consent.domain.closing_motives import Motives
from carnet_consent.domain.consent import Consent, RecordState
from carnet_consent.domain.person import check_lives_and_is_qualified
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_closing, event
from carnet_consent.usecases.expected import Expected, on_expected
from carnet_consent.usecases.persons import Persons

Answer = Callable[[Changed[None]], Message]


@dataclass(frozen=True)
class CloseRecord:
    """The verbs CloseRecord, OpposeClosing and ReopenRecord."""

    changes: Changes
    persons: Persons
    motives: Motives
    terms: Terms

    async def close(self, write: Write, record: str, wish: ClosingWish, expected: Expected, answer: Answer) -> bytes:
        """Close at once for the holder, a withdrawal; announce it for everybody else."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = on_expected(consent, expected, lambda: close(consent, write.acting.asker, wish, self.motives, now, self.terms))
            is_closed = after.state == RecordState.CLOSED
            kind = "record.closed" if is_closed else "record.closing_announced"
            told = about_closing(event(kind, record, write.acting, now, write.asked.request_id), after, wish.words.strip())
            return Changed(after, (told,), None, withdraws=is_closed)

        return await self.changes.apply(write, record, change, answer)

    async def oppose(self, write: Write, record: str, expected: Expected, answer: Answer) -> bytes:
        """Take an announced closing away; the record stays open."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = on_expected(consent, expected, lambda: oppose(consent, write.acting.asker))
            told = about_closing(event("record.closing_opposed", record, write.acting, now, write.asked.request_id), consent)
            return Changed(after, (told,), None)

        return await self.changes.apply(write, record, change, answer)

    async def reopen(self, write: Write, record: str, renewal: Renewal, expected: Expected, answer: Answer) -> bytes:
        """Reopen with renewed consent, for a person whose identity is qualified and who lives."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = on_expected(consent, expected, lambda: reopen(consent, write.acting.asker, renewal, now))
            return Changed(after, (event("record.reopened", record, write.acting, now, write.asked.request_id),), None)

        async def also(session: Session, before: Consent, now: datetime) -> None:
            del session, now  # who may not reopen was refused before anybody is asked about the person
            check_lives_and_is_qualified(await self.persons.status(before.patient))

        return await self.changes.apply(write, record, change, answer, also=also)
