"""Letters of notices into the outbox: one for each verified address of some persons, and what is told of mandates (domain.md 3.5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_platform.envelope import EnvelopeError
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.letter import LetterTemplates
from carnet_identity.domain.notice_letter import NoticeLetter, when
from carnet_identity.usecases.contact_ports import Channels, Letters

WANTED_FOR = timedelta(days=3)
"""How long a letter waits for the mail server."""


@dataclass(frozen=True, slots=True)
class NoticeLetters:
    """Writes them."""

    channels: Channels
    letters: Letters
    templates: LetterTemplates

    async def queue(self, session: StoreSession, persons: Iterable[str], letter: NoticeLetter, event_time: datetime, now: datetime) -> bool:
        """Queue one for each address of these persons (`patients/{patient}`) that is verified and not refused; whether there is any.

        In the caller's transaction. EnvelopeError when the channels of one are not believed.
        """
        addresses = set[str]()
        for person in persons:
            held = await self.channels.of(person.partition("/")[2], session)
            for channel in held.to_be_told():
                if channel.address in addresses:  # a family may share one
                    continue
                addresses.add(channel.address)
                written = self.templates.write(letter.value, letter_id=new_id(), to=channel.address, **when(event_time))
                await self.letters.add(session, written, held.patient_id, channel.id, now=now, expire_time=now + WANTED_FOR)
        return bool(addresses)

    async def tell_of_mandate(self, session: StoreSession, persons: Iterable[str], now: datetime) -> None:
        """Queue the letter about a mandate for each of these persons, in the transaction of its change.

        Channels that are not believed keep nobody from suspending a mandate: their alarm is raised where they are read.
        """
        for person in sorted(persons):
            try:
                await self.queue(session, (person,), NoticeLetter.MANDATE, now, now)
            except EnvelopeError:
                continue
