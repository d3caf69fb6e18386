"""What a record knows of its own destruction: asked and confirmed, held, begun, receipt by receipt, certified (rules.md 16; promise 7).

The rules that make one of these from another are in `destroying.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

OWN_PART = "consent"
"""The participant that this service is itself: what it keeps of a record is a part like the others'."""


class Origin(StrEnum):
    """Why a record is destroyed."""

    HOLDER = "HOLDER"
    """Its holder asked for it (rules.md 16)."""
    RETENTION = "RETENTION"
    """It was closed for as long as a closed record is kept (CSP L1111-18)."""


@dataclass(frozen=True, slots=True)
class LegalHold:
    """An order that keeps a record from being destroyed, such as a court's (rules.md 16)."""

    id: str
    """The operation of two people by which it was set."""
    reason: str
    """As they stated it; the holder reads it."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """A participant says that what it kept of the record is unreadable."""

    participant: str
    name: str
    """The name that the participant gave its receipt."""
    erased: datetime
    """When what it kept became unreadable."""
    what: tuple[str, ...]
    """What is unreadable, as codes."""


@dataclass(frozen=True, slots=True)
class ErasureAnswer:
    """What a participant answers that was asked to erase."""

    record: str
    destruction: str
    """`destructions/{destruction}`."""
    receipt: Receipt | None
    """None while its erasure goes on."""


@dataclass(frozen=True, slots=True)
class Destruction:
    """A destruction that is confirmed, or announced because the record was kept for long enough; then begun, then done."""

    id: str
    """Opaque: `destructions/{id}` in receipts and certificate."""
    origin: Origin
    asked: datetime
    """When its holder confirmed it by the second channel, or when it was announced to her."""
    due: datetime
    """When it begins, unless it is cancelled or held."""
    was_open: bool = False
    """Whether the record was open before: cancelled, it is open again."""
    participants: tuple[str, ...] = ()
    """Whose receipts it takes; fixed when it begins."""
    begun: datetime | None = None
    receipts: tuple[Receipt, ...] = ()
    destroyed: datetime | None = None
    """When the certificate was written: every receipt was in."""
    backups_end: datetime | None = None
    """From when on backups hold nothing of it either."""
    history_end: datetime | None = None
    """Until when earlier states of the consent are kept to explain accesses; None before it is done, and once they are deleted."""

    @property
    def awaited(self) -> tuple[str, ...]:
        """The participants whose receipt is not in, in their order; none before it has begun."""
        given = {receipt.participant for receipt in self.receipts}
        return tuple(participant for participant in self.participants if participant not in given)
