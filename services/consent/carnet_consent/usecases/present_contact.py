"""Notes a care contact that a structure signed (`domain/care_contact.py`), so that the first opening it announces does not count.

1. who presents it is looked at before anything is asked;
2. identity tells which keys stand for the structure now: one that is not registered, or stopped, is not among them. Without an answer in
   time nothing is noted, and the budget counts;
3. signature, whose contact it is, and its age;
4. contact, event and answer are stored in one transaction; a contact that is there already is refused;
5. and so is one beyond the rate of the professional or the structure, with an alarm: a stolen key must not open the country.

A retry gets the first answer, whatever has become of its token meanwhile.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from carnet_platform.errors import Refusal, Unavailable
from carnet_platform.identifiers import new_id
from carnet_platform.journal import Journal
from carnet_platform.mongo import Session
from carnet_platform.tokens import NotSignedError, claims_under
from google.protobuf.message import Message

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.budget import Budget, day_of
from carnet_consent.domain.care_contact import (
    Contact,
    ContactTimes,
    check_contact,
    check_may_present,
    read_contact,
    too_many,
    unknown_key,
    unreadable,
)
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.care_contacts import CareContacts
from carnet_consent.storage.openings import Openings
from carnet_consent.storage.told import Told
from carnet_consent.usecases.acting import Acting, Write
from carnet_consent.usecases.change import Changes
from carnet_consent.usecases.events import event, payload

_log = structlog.get_logger(__name__)


class StructureKeys(Protocol):
    """What of identity this needs."""

    async def structure_keys(self, structure: str) -> str:
        """The public keys of a structure, as a JSON Web Key Set; Unavailable without an answer."""


@dataclass(frozen=True)
class ContactWatch:
    """How many contacts are too many in a day, and who is told."""

    openings: Openings
    told: Told
    journal: Journal
    rates: Budget

    async def count(self, acting: Acting, now: datetime) -> None:
        """Count one more. RuleBrokenError RATE_LIMITED beyond the rate, of which the first of a day is told."""
        day = f"{day_of(now)} contacts"
        for who, most in self.rates.of(acting.asker):
            if not await self.openings.take(day, who, most):
                await self._tell(acting, day, who, now)
                raise too_many(now)

    async def _tell(self, acting: Acting, day: str, who: str, now: datetime) -> None:
        if not await self.told.first(f"{day} {who}"):
            return
        _log.error("care_contacts.rate_passed", who=who)
        made = event("care_contact.rate_passed", "", acting, now)
        made.subject, made.decision, made.reason = who, "deny", "RATE_LIMITED"
        await self.journal.append(payload(made))


@dataclass(frozen=True)
class PresentContact:
    """The verb PresentCareContact."""

    changes: Changes
    keys: StructureKeys
    contacts: CareContacts
    watch: ContactWatch
    times: ContactTimes
    timeout: timedelta

    async def __call__(self, write: Write, patient: str, token: str, answer: Callable[[datetime], Message]) -> bytes:
        """Note it; the answer is made of until when it holds. Raises RuleBrokenError, and Unavailable when identity does not answer."""
        check_may_present(write.acting.asker)
        found = await self._read(write.acting.asker, token)

        async def made(session: Session, now: datetime) -> bytes:
            if isinstance(found, Exception):
                raise found
            check_contact(found, write.acting.asker, patient, now, self.times)
            until = now + self.times.lasts
            await self.contacts.note(session, found, until)
            await self.watch.count(write.acting, now)  # what is refused above is none of the structure's
            await self._record(session, write, found, now)
            return b"\x00" + answer(until).SerializeToString()

        return await self.changes.once(write, made)

    async def _read(self, asker: Asker, token: str) -> Contact | Refusal | RuleBrokenError:
        """What was signed, or why it is refused: a retry may be answered all the same."""
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                keys = await self.keys.structure_keys(asker.structure)
            return read_contact(claims_under(token, keys))
        except TimeoutError:
            return Unavailable("DEPENDENCY_UNAVAILABLE", "identity does not tell the structure's keys", retry_after=timedelta(seconds=1))
        except NotSignedError:
            return unknown_key()
        except ValueError as error:
            return unreadable(str(error))
        except (Refusal, RuleBrokenError) as refused:
            return refused

    async def _record(self, session: Session, write: Write, contact: Contact, now: datetime) -> None:
        """In the history of the person's record, if she has one; it is no change of what she consented to."""
        record, _ = await self.changes.records.name_of(contact.patient, session=session)
        told = event("care_contact.noted", record, write.acting, now, write.asked.request_id)
        await self.changes.log.append(session, f"careContacts/{new_id()}", payload(told), revision=1)
