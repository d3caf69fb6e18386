"""Asks for the destruction of a record, confirms it by the code that was sent, cancels it (rules.md 16). What follows is in `destroy.py`.

1. Asking is an event of her history and changes nothing else. The code is stored in that transaction, and the letter asked for after it:
   whoever gets no answer asks again with the same request, and no second letter goes out.
2. A try at the code counts before it is looked at, so that a refusal cannot take it back.
3. Confirmed, the record is closed: a withdrawal, acknowledged as every other is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Session
from google.protobuf.message import Message

from carnet_consent.domain.closing import Terms
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.destroying import DestructionTerms, cancel, check_may_ask, confirm
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.destruction_codes import DIGITS, DestructionCodes
from carnet_consent.usecases.acting import Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_destruction, event
from carnet_consent.usecases.expected import Expected, on_expected
from carnet_consent.usecases.read_record import ReadRecord

Answer = Callable[[Changed[None]], Message]


class CodeLetters(Protocol):
    """Sends codes to a person's verified addresses."""

    async def send_code(self, request_id: str, patient: str, code: str, expire_time: datetime) -> bool:
        """Whether there is any such address; durable when it returns. Unavailable without an answer."""


@dataclass(frozen=True)
class AskDestruction:
    """The verbs RequestDestruction, ConfirmDestruction and CancelDestruction."""

    changes: Changes
    read: ReadRecord
    codes: DestructionCodes
    letters: CodeLetters
    terms: DestructionTerms
    closing: Terms
    code_lifetime: timedelta

    async def request(
        self, write: Write, record: str, answer: Callable[[Changed[datetime]], Message], expiry: Callable[[bytes], datetime]
    ) -> bytes:
        """Send a code. `expiry` reads out of an answer until when its code is good: a retry asks for the very same letter."""
        asker, asked = write.acting.asker, write.asked
        code = self.codes.code(record, asked.request_id)

        def change(consent: Consent, now: datetime) -> Changed[datetime]:
            check_may_ask(consent, asker, write.acting.assurance, self.terms)
            told = event("record.destruction_asked", record, write.acting, now, asked.request_id)
            return Changed(consent, (told,), now + self.code_lifetime)

        async def also(session: Session, _: Consent, now: datetime) -> None:
            if (wait := await self.codes.wait(session, record, now)) is not None:
                raise RuleBrokenError("RATE_LIMITED", "Too many codes were sent within an hour.", retry_after=wait)
            await self.codes.put(session, record, code, now, now + self.code_lifetime)

        answered = await self.changes.apply(write, record, change, answer, also=also)
        holder = (await self.read.held(write.acting, record)).patient
        if not await self.letters.send_code(asked.request_id, holder, code, expiry(answered)):
            raise RuleBrokenError("NO_VERIFIED_CHANNEL", "No verified address takes a code. Add one and verify it first.")
        return answered

    async def confirm(self, write: Write, record: str, code: str, answer: Answer) -> bytes:
        """Close the record for the cooling-off, by the code."""
        await self.read.held(write.acting, record)  # nobody else's tries count
        if not (len(code) == DIGITS and code.isascii() and code.isdecimal()):
            raise RuleBrokenError("INVALID_FIELD", "must be six digits", field="code")
        await self.codes.count_try(record)
        destruction_id = new_id()

        def change(consent: Consent, now: datetime) -> Changed[None]:
            check_may_ask(consent, write.acting.asker, write.acting.assurance, self.terms)
            after = confirm(consent, write.acting.asker, now, self.terms, self.closing, destruction_id=destruction_id)
            told = about_destruction(event("record.destruction_confirmed", record, write.acting, now, write.asked.request_id), after)
            return Changed(after, (told,), None, withdraws=True)

        async def also(session: Session, _: Consent, now: datetime) -> None:
            if not await self.codes.take(session, record, code, now):
                raise RuleBrokenError("CODE_INVALID", "is wrong, used, ended or too old", field="code")

        return await self.changes.apply(write, record, change, answer, also=also)

    async def cancel(self, write: Write, record: str, expected: Expected, answer: Answer) -> bytes:
        """Take a confirmed destruction back."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = on_expected(consent, expected, lambda: cancel(consent, write.acting.asker))
            return Changed(after, (event("record.destruction_cancelled", record, write.acting, now, write.asked.request_id),), None)

        return await self.changes.apply(write, record, change, answer)
