"""What consent asks of the service that knows persons."""

from typing import Protocol

from carnet_consent.domain.person import PersonStatus


class Persons(Protocol):
    """Tells of persons, without a trait."""

    async def status(self, patient: str, professional: str = "") -> PersonStatus:
        """What is known of `patients/{p}` now, and whether this `professionals/{p}` must settle first who she is.

        Raises:
            RuleBrokenError: NOT_FOUND, for a name never given.
            Unavailable: it cannot be told now.
        """
