"""Notes a device of a person: the push gateway's name of its subscription. It counts at once, without a code.

An address is verified because anybody can write anybody's. A subscription is made on the device itself, by the portal, in the session of
the one who is logged in on it; its name cannot be guessed, and what it is told is neutral. So the portal's word is what a code would
prove. The same subscription again counts again, also after the gateway said that it had ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import FailedPrecondition, NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.contact_channel import MOST_CHANNELS, ChannelKind, ContactChannel, ContactChannels, TooManyChannelsError
from carnet_identity.usecases.acting_for import ActingFor
from carnet_identity.usecases.add_contact_channel import NewChannel
from carnet_identity.usecases.contact_ports import Channels, Mailer
from carnet_identity.usecases.events import CONTACT_CHANNEL_ADDED, event
from carnet_identity.usecases.ports import ChangeRecord, Patients


@dataclass(frozen=True, slots=True, kw_only=True)
class AddDevice:
    """The use case."""

    client: Client
    acting: ActingFor
    patients: Patients
    channels: Channels
    gateway: Mailer
    changes: ChangeRecord
    requests: Requests
    clock: Clock

    async def __call__(self, asked: Asked, wanted: NewChannel, answer: Callable[[ContactChannels, ContactChannel], bytes]) -> bytes:
        """The channel.

        Raises:
            Denied, Unauthenticated: who asks may not.
            FailedPrecondition: no push gateway is set, STATE_FORBIDS (five channels), PERSON_DECEASED.
        """
        patient = f"patients/{wanted.patient_id}"
        await self.acting.user(patient)
        await self.gateway.check()

        async def add(session: StoreSession) -> bytes:
            return await self._add(session, wanted, answer)

        given = await in_transaction(self.client, lambda session: self.requests.once(session, asked, add))
        await self.acting.user(patient)
        return given

    async def _add(self, session: StoreSession, wanted: NewChannel, answer: Callable[[ContactChannels, ContactChannel], bytes]) -> bytes:
        patient = await self.patients.find(wanted.patient_id, session)
        if patient is None:
            raise NotFound("NOT_FOUND", "there is no such person", field="patient")
        if patient.is_deceased:
            raise FailedPrecondition("PERSON_DECEASED", "a person who has died is told nothing")
        held, now = await self.channels.of(wanted.patient_id, session), self.clock.now()
        known = held.find_address(ChannelKind.PUSH, wanted.address)
        channel = known or ContactChannel(id=new_id(), kind=ChannelKind.PUSH, address=wanted.address)
        channel = replace(channel, verify_time=now, is_undeliverable=False)
        try:
            await self.channels.put(session, held.with_device(channel))
        except TooManyChannelsError:
            raise FailedPrecondition("STATE_FORBIDS", f"a person has at most {MOST_CHANNELS} channels; remove one first") from None
        if known is None:
            payload = event(CONTACT_CHANNEL_ADDED, current_call(), now, subject=held.patient)
            await self.changes.append(session, held.subject, payload)
        return answer(held, channel)
