"""Letters of notices into the outbox: one for each verified address and device of some persons, and what is told of mandates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_platform.envelope import EnvelopeError
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.contact_channel import ChannelKind, ContactChannel
from carnet_identity.domain.letter import Letter, LetterTemplates
from carnet_identity.domain.notice_letter import Notice, NoticeLetter, when
from carnet_identity.domain.push import push
from carnet_identity.usecases.contact_ports import Channels, Letters
from carnet_identity.usecases.tell_life_news import LifeNewsDue

WANTED_FOR = timedelta(days=3)
"""How long a letter waits for the mail server, or the push gateway."""


@dataclass(frozen=True, slots=True)
class Pushes:
    """Where pushes wait."""

    queue: Letters
    portal: str
    """The address at which a person logs in; empty where no gateway is set: then nothing is queued."""


@dataclass(frozen=True, slots=True)
class NoticeLetters:
    """Writes them."""

    channels: Channels
    letters: Letters
    templates: LetterTemplates
    pushes: Pushes
    mandate_news: LifeNewsDue
    """Where it waits that consent is to put a mandate's change into an inbox."""

    async def queue(self, session: StoreSession, persons: Iterable[str], notice: Notice, now: datetime) -> bool:
        """Queue one for each channel of these persons (`patients/{patient}`) that is verified and not refused; whether there is any.

        In the caller's transaction. EnvelopeError when the channels of one are not believed.
        """
        addresses = set[str]()
        for person in persons:
            held = await self.channels.of(person.partition("/")[2], session)
            for channel in held.to_be_told(notice.channels):
                queue = self._queue_of(channel)
                if queue is None or channel.address in addresses:  # a family may share one
                    continue
                addresses.add(channel.address)
                written = self._written(channel, notice)
                await queue.add(session, written, held.patient_id, channel.id, now=now, expire_time=now + WANTED_FOR)
        return bool(addresses)

    async def tell_of_mandate(self, session: StoreSession, persons: Iterable[str], now: datetime) -> None:
        """Queue the letter about a mandate for each of these persons, and have it put into their inboxes, in the transaction of its change.

        Channels that are not believed keep nobody from suspending a mandate: their alarm is raised where they are read.
        """
        for person in sorted(persons):
            await self.mandate_news.add(person, session)
            notice = Notice(patient=person, letter=NoticeLetter.MANDATE, event_time=now, tells_representatives=False, place_of_care="")
            try:
                await self.queue(session, (person,), notice, now)
            except EnvelopeError:
                continue

    def _queue_of(self, channel: ContactChannel) -> Letters | None:
        if channel.kind is ChannelKind.PUSH:
            return self.pushes.queue if self.pushes.portal else None
        return self.letters

    def _written(self, channel: ContactChannel, notice: Notice) -> Letter:
        letter_id, template, time = new_id(), notice.letter.value, notice.event_time
        if channel.kind is ChannelKind.PUSH:
            return push(template, letter_id=letter_id, to=channel.address, portal=self.pushes.portal, time=time)
        return self.templates.write(template, letter_id=letter_id, to=channel.address, **when(time))
