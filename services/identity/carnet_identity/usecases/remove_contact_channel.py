"""Forgets a channel; the person's other verified addresses are told, so that nobody takes her addresses away unnoticed.

Removing does not wait for the mail server: the letters are queued with the removal, and wait for it up to three days.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.contact_channel import ChannelKind, ContactChannels
from carnet_identity.domain.letter import CONTACT_REMOVED, LetterTemplates
from carnet_identity.usecases.acting_for import ActingFor
from carnet_identity.usecases.contact_ports import Channels, Letters
from carnet_identity.usecases.events import CONTACT_CHANNEL_REMOVED, event
from carnet_identity.usecases.ports import ChangeRecord

_DONE = b"removed"
NOTICES_WAIT = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContactChannel:
    """The use case."""

    client: Client
    acting: ActingFor
    channels: Channels
    letters: Letters
    pushes: Letters
    templates: LetterTemplates
    changes: ChangeRecord
    requests: Requests
    clock: Clock
    wake: Callable[[], None]
    """Tells who sends letters that there may be some."""

    async def __call__(self, asked: Asked, named: tuple[str, str]) -> None:
        """Returns when the channel is forgotten. `named` are the ids of person and channel.

        Raises:
            Denied, Unauthenticated: who asks may not.
            NotFound: the person has no such channel.
        """
        patient = f"patients/{named[0]}"
        await self.acting.user(patient)

        async def remove(session: StoreSession) -> bytes:
            await self._remove(session, named)
            return _DONE

        await in_transaction(self.client, lambda session: self.requests.once(session, asked, remove))
        self.wake()
        await self.acting.user(patient)

    async def _remove(self, session: StoreSession, named: tuple[str, str]) -> None:
        held = await self.channels.of(named[0], session)
        channel = held.find(named[1])
        if channel is None:
            raise NotFound("NOT_FOUND", "the person has no such channel", field="channel")
        left, now = held.without(channel), self.clock.now()
        await self.channels.put(session, left)
        await (self.pushes if channel.kind is ChannelKind.PUSH else self.letters).forget(session, held.patient_id, channel.id)
        await self._tell(session, left, now)
        payload = event(CONTACT_CHANNEL_REMOVED, current_call(), now, subject=held.patient)
        await self.changes.append(session, held.subject, payload)

    async def _tell(self, session: StoreSession, left: ContactChannels, now: datetime) -> None:
        for other in left.to_be_told():
            letter = self.templates.write(CONTACT_REMOVED, letter_id=new_id(), to=other.address)
            await self.letters.add(session, letter, left.patient_id, other.id, now=now, expire_time=now + NOTICES_WAIT)
