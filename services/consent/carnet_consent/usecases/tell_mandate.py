"""Puts it into a person's inbox that a mandate in which she takes part was proposed or changed, once however often identity says so."""

from dataclasses import dataclass

from carnet_platform.clock import Clock

from carnet_consent.domain.notice import notice_of_mandate
from carnet_consent.storage.notices import Notices


@dataclass(frozen=True)
class TellMandate:
    """The verb TellMandateChanged."""

    notices: Notices
    clock: Clock

    async def __call__(self, request_id: str, patient: str) -> None:
        """Store the notice; the same news of the same person is stored once."""
        now = self.clock.now()
        await self.notices.add(None, [notice_of_mandate(patient, request_id, now)], now)
