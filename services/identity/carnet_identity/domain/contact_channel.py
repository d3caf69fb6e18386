"""The contact channels of one person and the codes by which they are verified: what may be done, and what comes of it.

A channel counts once its owner has sent back the code she got on it. A code is six digits, good until it expires or five wrong ones were
tried, and used once; a new one takes the place of the last. Of a code only a keyed hash is known here. Time, codes and names are
arguments.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

MOST_CHANNELS = 5
MOST_WRONG_CODES = 5
CODE_DIGITS = 6
HOUR = timedelta(hours=1)


class ChannelKind(Enum):
    """By what a person is reached."""

    EMAIL = "EMAIL"
    PUSH = "PUSH"
    """A device, through the push gateway; its address is the gateway's name of its subscription."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCode:
    """A code that is awaited back."""

    mark: bytes = field(repr=False)
    """Keyed hash of the code, bound to person and channel."""
    expire_time: datetime
    wrong: int = 0
    """How many wrong ones were tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChannel:
    """One address of a person."""

    id: str
    kind: ChannelKind
    address: str = field(repr=False)
    code: SentCode | None = None
    verify_time: datetime | None = None
    is_undeliverable: bool = False
    """Whether the address was refused for good, or the subscription ended, since it was last verified."""

    @property
    def is_verified(self) -> bool:
        """Whether its owner has sent a code back."""
        return self.verify_time is not None


class TooManyChannelsError(Exception):
    """The person has as many as she may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChannels:
    """All channels of a person. `revision` counts what was stored; 0 is nothing yet."""

    patient_id: str
    channels: tuple[ContactChannel, ...] = ()
    sent_times: tuple[datetime, ...] = ()
    """When codes were sent within the last hour."""
    revision: int = 0

    @property
    def patient(self) -> str:
        """`patients/{patient}`."""
        return f"patients/{self.patient_id}"

    @property
    def subject(self) -> str:
        """What their changes are recorded under; revisions of their own, so that a channel never races the person."""
        return f"contactChannels/{self.patient_id}"

    def name_of(self, channel: ContactChannel) -> str:
        """`patients/{patient}/contactChannels/{channel}`."""
        return f"{self.patient}/contactChannels/{channel.id}"

    def find(self, channel_id: str) -> ContactChannel | None:
        """One of them."""
        return next((channel for channel in self.channels if channel.id == channel_id), None)

    def find_address(self, kind: ChannelKind, address: str) -> ContactChannel | None:
        """The one of an address."""
        return next((channel for channel in self.channels if (channel.kind, channel.address) == (kind, address)), None)

    def codes_within_an_hour(self, now: datetime) -> tuple[datetime, ...]:
        """When codes were sent to this person in the last hour, oldest first."""
        return tuple(sorted(time for time in self.sent_times if now - time < HOUR))

    def with_code(self, channel: ContactChannel, code: SentCode, now: datetime) -> ContactChannels:
        """With a code sent to a channel, new or known; raises TooManyChannelsError."""
        others = self._without(channel.id)
        if len(others) >= MOST_CHANNELS:
            raise TooManyChannelsError
        kept = (*others, replace(channel, code=code)) if self.find(channel.id) is None else self._replaced(replace(channel, code=code))
        return replace(self, channels=kept, sent_times=(*self.codes_within_an_hour(now), now))

    def with_device(self, device: ContactChannel) -> ContactChannels:
        """With a device, new or known; raises TooManyChannelsError. A new one takes the place of those whose subscription has ended."""
        if self.find(device.id) is not None:
            return replace(self, channels=self._replaced(device))
        kept = tuple(one for one in self.channels if one.kind is not ChannelKind.PUSH or not one.is_undeliverable)
        if len(kept) >= MOST_CHANNELS:
            raise TooManyChannelsError
        return replace(self, channels=(*kept, device))

    def tried(self, channel: ContactChannel, mark: bytes, now: datetime) -> tuple[ContactChannels, bool]:
        """What a try with a code of that mark leaves, and whether the channel is verified by it.

        A code that is expired, used or ended counts no further tries: there is nothing left to find out.
        """
        code = channel.code
        if code is None or now >= code.expire_time or code.wrong >= MOST_WRONG_CODES:
            return self, False
        if not hmac.compare_digest(code.mark, mark):
            return replace(self, channels=self._replaced(replace(channel, code=replace(code, wrong=code.wrong + 1)))), False
        verified = replace(channel, code=None, verify_time=now, is_undeliverable=False)
        return replace(self, channels=self._replaced(verified)), True

    def undeliverable(self, channel: ContactChannel) -> ContactChannels:
        """With a channel that the mail server refused for good."""
        return replace(self, channels=self._replaced(replace(channel, is_undeliverable=True)))

    def without(self, channel: ContactChannel) -> ContactChannels:
        """Without a channel."""
        return replace(self, channels=self._without(channel.id))

    def to_be_told(self, kinds: Collection[ChannelKind] = (ChannelKind.EMAIL,)) -> tuple[ContactChannel, ...]:
        """The channels on which the person hears of changes, by mail unless said otherwise: verified, and not known to be refused."""
        return tuple(one for one in self.channels if one.kind in kinds and one.is_verified and not one.is_undeliverable)

    def _without(self, channel_id: str) -> tuple[ContactChannel, ...]:
        return tuple(channel for channel in self.channels if channel.id != channel_id)

    def _replaced(self, changed: ContactChannel) -> tuple[ContactChannel, ...]:
        return tuple(changed if channel.id == changed.id else channel for channel in self.channels)
