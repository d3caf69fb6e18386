"""What contact channels and letters need of stores and of the mail server, with what each must promise."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from carnet_platform.mongo import Session

from carnet_identity.domain.contact_channel import ContactChannels
from carnet_identity.domain.letter import Delivery, Letter


class Channels(Protocol):
    """Contact channels by person."""

    async def of(self, patient_id: str, session: Session | None = None) -> ContactChannels:
        """Those of a person; EnvelopeError when the row is not believed."""
        ...

    async def put(self, session: Session, changed: ContactChannels) -> None:
        """The next revision, in the caller's transaction, which runs again when they are changed meanwhile."""
        ...

    def mark(self, patient_id: str, channel_id: str, code: str) -> bytes:
        """The keyed hash of a code."""
        ...


class MailboxCounts(Protocol):
    """How many codes a mailbox was sent."""

    async def count(self, session: Session, mailbox: str, now: datetime, *, within: timedelta) -> int:
        """Counts one more; gives how many there were before."""
        ...


class Taken(Protocol):
    """A letter taken out of the queue."""

    @property
    def letter(self) -> Letter:
        """It."""
        ...

    @property
    def patient_id(self) -> str:
        """Whose."""
        ...

    @property
    def channel_id(self) -> str:
        """Where to."""
        ...

    @property
    def attempts(self) -> int:
        """How often it was taken, this time included."""
        ...

    @property
    def expire_time(self) -> datetime:
        """After which nobody wants it."""
        ...


class Letters(Protocol):
    """Letters to be sent, durable once the caller's transaction is."""

    async def add(
        self,
        session: Session,
        letter: Letter,
        patient_id: str,
        channel_id: str,
        *,
        now: datetime,
        expire_time: datetime,
        is_withheld: bool = False,
    ) -> None:
        """Queues one; a withheld one costs the same and is never sent."""
        ...

    async def forget(self, session: Session, patient_id: str, channel_id: str | None = None) -> None:
        """Forgets those of a channel, or of a person."""
        ...

    async def length(self) -> int:
        """About how many there are."""
        ...


class Mailer(Protocol):
    """The mail server."""

    async def check(self) -> None:
        """Returns when letters can be sent now; Unavailable or FailedPrecondition otherwise."""
        ...

    async def send(self, letter: Letter) -> Delivery:
        """Hands one over; never takes long, never raises because of the server."""
        ...
