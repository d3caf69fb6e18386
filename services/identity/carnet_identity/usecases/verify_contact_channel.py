"""Verifies a channel by the code that was sent on it.

1. The person asks, or who may act for her; a retry with the same request_id gets the first answer and counts no try.
2. In one transaction the try is counted, or the channel verified with its event. A wrong code, a used, expired or ended one, and none at
   all are refused alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import InvalidArgument, NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.contact_channel import ContactChannel, ContactChannels
from carnet_identity.usecases.acting_for import ActingFor
from carnet_identity.usecases.contact_ports import Channels
from carnet_identity.usecases.events import CONTACT_CHANNEL_VERIFIED, event
from carnet_identity.usecases.ports import ChangeRecord

_REFUSED = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyContactChannel:
    """The use case."""

    client: Client
    acting: ActingFor
    channels: Channels
    changes: ChangeRecord
    requests: Requests
    clock: Clock

    async def __call__(
        self,
        asked: Asked,
        named: tuple[str, str],
        code: str,
        answer: Callable[[ContactChannels, ContactChannel], bytes],
    ) -> bytes:
        """The channel, verified. `named` are the ids of person and channel, `code` six digits.

        Raises:
            Denied, Unauthenticated: who asks may not.
            NotFound: the person has no such channel.
            InvalidArgument: CODE_INVALID.
        """
        patient = f"patients/{named[0]}"
        await self.acting.user(patient)

        async def attempt(session: StoreSession) -> bytes:
            tried, verified = await self._try(session, named, code)
            return _REFUSED if verified is None else answer(tried, verified)

        given = await in_transaction(self.client, lambda session: self.requests.once(session, asked, attempt))
        await self.acting.user(patient)
        if given == _REFUSED:
            raise InvalidArgument("CODE_INVALID", "the code is wrong, used, ended or too old", field="code")
        return given

    async def _try(self, session: StoreSession, named: tuple[str, str], code: str) -> tuple[ContactChannels, ContactChannel | None]:
        held = await self.channels.of(named[0], session)
        channel = held.find(named[1])
        if channel is None:
            raise NotFound("NOT_FOUND", "the person has no such channel", field="channel")
        now = self.clock.now()
        tried, is_verified = held.tried(channel, self.channels.mark(*named, code), now)
        if tried != held:
            await self.channels.put(session, tried)
        if not is_verified:
            return tried, None
        payload = event(CONTACT_CHANNEL_VERIFIED, current_call(), now, subject=held.patient)
        await self.changes.append(session, held.subject, payload)
        return tried, tried.find(channel.id)
