"""A notice on its way to become a letter: where it stands, and under which identifier it is asked for."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from carnet_consent.domain.notice import Notice


class Delivery(StrEnum):
    """Where the letter of a notice stands."""

    NONE = "NONE"
    """The inbox alone tells it."""
    WAITING = "WAITING"
    DELIVERED = "DELIVERED"
    """In the outbox of identity."""
    NO_ADDRESS = "NO_ADDRESS"
    """Nobody who is to be told has an address, or the person has died."""
    GIVEN_UP = "GIVEN_UP"
    """A dead letter: an operator looks at it."""


@dataclass(frozen=True, slots=True)
class QueuedNotice:
    """A notice whose letter was taken, to be delivered now."""

    id: str
    notice: Notice
    attempts: int
    """How often it was taken, this time included."""
    tried_from: datetime
    """Since when its letter is tried."""

    @property
    def request_id(self) -> str:
        """The same UUID for the same notice, whoever delivers it: delivered twice is one letter."""
        return str(uuid.UUID(bytes=sha256(self.id.encode()).digest()[:16], version=4))
