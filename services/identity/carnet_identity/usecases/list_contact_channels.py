"""The channels of a person, for herself and who may act for her."""

from __future__ import annotations

from dataclasses import dataclass

from carnet_identity.domain.contact_channel import ContactChannels
from carnet_identity.usecases.acting_for import ActingFor
from carnet_identity.usecases.contact_ports import Channels


@dataclass(frozen=True, slots=True)
class ListContactChannels:
    """The use case."""

    acting: ActingFor
    channels: Channels

    async def __call__(self, patient_id: str) -> ContactChannels:
        """All of them; Denied or Unauthenticated when who asks may not, also when that changed meanwhile."""
        await self.acting.user(f"patients/{patient_id}")
        held = await self.channels.of(patient_id)
        await self.acting.user(f"patients/{patient_id}")
        return held
