"""Letters that tell a person what happened in her space: which there are, and what each says of the instant.

They tell a day and a minute and nothing else: not who, where, why or about whom, for a letter is read by families and mail providers.
Whoever may know more logs in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from zoneinfo import ZoneInfo

from carnet_identity.domain.contact_channel import ChannelKind

_PARIS = ZoneInfo("Europe/Paris")
WHEN = frozenset({"date", "time"})
"""What each of these letters is told."""


class NoticeLetter(Enum):
    """Which letter; the value is the name of its template, the name that of the contract without its prefix."""

    EXCEPTIONAL_ACCESS = "notice-exceptional-access"
    EXCEPTIONAL_ACCESS_NEWS = "notice-exceptional-access-news"
    NEW_ACCESS = "notice-new-access"
    ACCESS_CHANGED = "notice-access-changed"
    SPACE_CHANGED = "notice-space-changed"
    NEW_CONTENT = "notice-new-content"
    MANDATE = "notice-mandate"
    """Of what this service decides itself; nobody else asks for it."""


class NoticeOutcome(Enum):
    """What becomes of a notice; the value is the name in the contract without its prefix."""

    QUEUED = "QUEUED"
    NO_CHANNEL = "NO_CHANNEL"
    PERSON_DECEASED = "PERSON_DECEASED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What somebody is to be told."""

    patient: str
    """`patients/{patient}`: whom it is about."""
    letter: NoticeLetter
    event_time: datetime
    """When it happened, in UTC."""
    tells_representatives: bool
    """Whether those who represent her are told as well (rules.md 12)."""
    place_of_care: str
    """`structures/{structure}` where it happened; empty for nowhere."""
    channels: frozenset[ChannelKind] = frozenset(ChannelKind)
    """By what they are told."""


def when(event_time: datetime) -> dict[str, str]:
    """The day and the minute in Paris, as the templates name them."""
    there = event_time.astimezone(_PARIS)
    return {"date": f"{there:%d/%m/%Y}", "time": f"{there:%H:%M}"}
