"""What stands for the mail server where none is set: it sends nothing and says why."""

from __future__ import annotations

from carnet_platform.errors import FailedPrecondition

from carnet_identity.domain.letter import Delivery, Letter


class NoMailServer:
    """Implements the port `Mailer`."""

    async def check(self) -> None:
        """Refuses: FailedPrecondition DEPENDENCY_UNAVAILABLE, since trying again does not help."""
        raise FailedPrecondition(
            "DEPENDENCY_UNAVAILABLE", "this installation has no mail server, so no code can be sent (CARNET_SMTP_SERVER)"
        )

    async def send(self, letter: Letter) -> Delivery:
        """Sends nothing."""
        del letter
        return Delivery.LATER
