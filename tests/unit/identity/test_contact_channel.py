"""Channels and codes: five channels, codes that end by time, by use and by five wrong tries."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from carnet_identity.domain.contact_channel import (
    HOUR,
    MOST_CHANNELS,
    MOST_WRONG_CODES,
    ChannelKind,
    ContactChannel,
    ContactChannels,
    SentCode,
    TooManyChannelsError,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=15)
RIGHT, WRONG = b"right", b"wrong"
NOBODY = ContactChannels(patient_id="a" * 26)


def channel(name: str = "c1", address: str = "dominique@example.org") -> ContactChannel:
    return ContactChannel(id=name, kind=ChannelKind.EMAIL, address=address)


def sent(mark: bytes = RIGHT, at: datetime = NOW) -> SentCode:
    return SentCode(mark=mark, expire_time=at + LIFETIME)


def awaiting() -> ContactChannels:
    return NOBODY.with_code(channel(), sent(), NOW)


def tried(held: ContactChannels, mark: bytes, at: datetime = NOW) -> tuple[ContactChannels, bool]:
    return held.tried(held.channels[0], mark, at)


def test_the_code_that_was_sent_verifies_the_channel_once() -> None:
    held, is_verified = tried(awaiting(), RIGHT)
    assert is_verified
    assert (held.channels[0].verify_time, held.channels[0].code) == (NOW, None)
    assert tried(held, RIGHT) == (held, False)


def test_a_code_is_too_old_from_the_instant_it_expires() -> None:
    assert tried(awaiting(), RIGHT, NOW + LIFETIME - timedelta(microseconds=1))[1]
    assert not tried(awaiting(), RIGHT, NOW + LIFETIME)[1]


@given(st.lists(st.booleans(), max_size=12))
def test_five_wrong_ones_end_a_code_whatever_comes_between(tries: list[bool]) -> None:
    held, wrong = awaiting(), 0
    for is_right in tries:
        held, is_verified = tried(held, RIGHT if is_right else WRONG)
        assert is_verified == (is_right and wrong < MOST_WRONG_CODES and held.channels[0].is_verified)
        if is_verified:
            return
        wrong += not is_right
    code = held.channels[0].code
    assert code is not None
    assert code.wrong == min(wrong, MOST_WRONG_CODES)


def test_a_new_code_takes_the_place_of_the_last_and_has_its_own_tries() -> None:
    held = awaiting()
    for _ in range(MOST_WRONG_CODES):
        held, _ = tried(held, WRONG)
    held = held.with_code(held.channels[0], sent(b"new"), NOW)
    assert not tried(held, RIGHT)[1]
    assert tried(held, b"new")[1]
    assert len(held.channels) == 1


def test_a_verified_channel_stays_so_while_a_new_code_is_awaited() -> None:
    verified, _ = tried(awaiting(), RIGHT)
    again = verified.with_code(verified.channels[0], sent(b"new"), NOW)
    assert again.channels[0].verify_time == NOW


def test_a_person_has_five_channels_and_may_still_have_a_code_on_each() -> None:
    held = NOBODY
    for number in range(MOST_CHANNELS):
        held = held.with_code(channel(f"c{number}", f"{number}@example.org"), sent(), NOW)
    with pytest.raises(TooManyChannelsError):
        held.with_code(channel("c9", "9@example.org"), sent(), NOW)
    assert len(held.with_code(held.channels[3], sent(b"new"), NOW).channels) == MOST_CHANNELS
    assert held.without(held.channels[0]).with_code(channel("c9", "9@example.org"), sent(), NOW).find("c9") is not None


def test_codes_are_counted_for_an_hour() -> None:
    held = awaiting().with_code(channel(), sent(), NOW + timedelta(minutes=30))
    assert len(held.codes_within_an_hour(NOW + HOUR - timedelta(seconds=1))) == 2
    assert len(held.codes_within_an_hour(NOW + HOUR)) == 1
    later = held.with_code(held.channels[0], sent(), NOW + 2 * HOUR)
    assert later.sent_times == (NOW + 2 * HOUR,), "older ones are forgotten"


def test_told_are_the_verified_channels_that_are_not_refused_by_the_mail_server() -> None:
    verified = replace(channel("v", "v@example.org"), verify_time=NOW)
    refused = replace(channel("r", "r@example.org"), verify_time=NOW, is_undeliverable=True)
    held = replace(NOBODY, channels=(verified, refused, channel()))
    assert held.to_be_told() == (verified,)
    assert held.undeliverable(verified).to_be_told() == ()
    again = held.with_code(refused, sent(), NOW)
    good, is_verified = again.tried(again.channels[1], RIGHT, NOW)
    assert is_verified
    assert len(good.to_be_told()) == 2, "a code that came back makes it good again"


def test_nothing_printed_of_a_channel_has_the_address_or_the_mark() -> None:
    assert "dominique" not in repr(awaiting())
    assert "right" not in repr(awaiting())
