"""Who represents a person now, and may hear what concerns a place of care (rules.md 12).

Caregivers are not told: they read classes of documents and represent nobody. A mandate that cannot be read, or whose standing cannot be
told, tells nobody: its alarm is raised where it is read.
"""

from __future__ import annotations

from dataclasses import dataclass

from carnet_platform.envelope import EnvelopeError

from carnet_identity.usecases.check_mandate import CheckMandate
from carnet_identity.usecases.mandate_book import MandateBook


@dataclass(frozen=True, slots=True)
class Representatives:
    """Looks who represents somebody."""

    book: MandateBook
    check: CheckMandate

    async def of(self, patient: str, place_of_care: str) -> tuple[str, ...]:
        """`patients/{patient}` of each who represents this person now, without those from whom this place of care is hidden."""
        found = await self.book.mandates.readable_of_holder(patient)
        now = self.book.now()
        return tuple([one.mandatary for one in found if one.represents(patient, now) and await self._hears(one.id, place_of_care)])

    async def _hears(self, mandate_id: str, place_of_care: str) -> bool:
        try:
            standing = await self.check(mandate_id)
        except EnvelopeError:
            return False
        return standing is not None and (not place_of_care or place_of_care not in standing.hidden_structures)
