"""Sealing: only the right key at the right place opens, and a changed byte is noticed."""

from dataclasses import replace
from typing import Any

import pytest
from carnet_platform.envelope import Context, EnvelopeError, join_parts, mac, new_key, seal, split_parts, unseal
from hypothesis import given
from hypothesis import strategies as st

PLACE = Context("things", "body", subject="a", item="b", version=1, chunk=2)


@given(st.binary(max_size=4096))
def test_what_was_sealed_opens_again(plaintext: bytes) -> None:
    key = new_key()

    assert unseal(key, seal(key, plaintext, PLACE), PLACE) == plaintext


@pytest.mark.parametrize(
    "change",
    [{"collection": "other"}, {"field": "other"}, {"subject": "other"}, {"item": "other"}, {"version": 2}, {"chunk": 3}],
    ids=lambda change: next(iter(change)),
)
def test_nothing_opens_at_another_place(change: dict[str, Any]) -> None:
    key = new_key()

    with pytest.raises(EnvelopeError):
        unseal(key, seal(key, b"text", PLACE), replace(PLACE, **change))


def test_parts_of_a_place_cannot_be_shifted_into_each_other() -> None:
    assert Context("ab", "c").encode() != Context("a", "bc").encode()
    assert Context("a", "b", subject="c").encode() != Context("a", "b", item="c").encode()


def test_every_changed_byte_is_noticed() -> None:
    key = new_key()
    sealed = seal(key, b"text", PLACE)

    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(EnvelopeError):
            unseal(key, changed, PLACE)


@pytest.mark.parametrize("length", [0, 12, 27])
def test_a_cut_off_value_is_refused(length: int) -> None:
    key = new_key()

    with pytest.raises(EnvelopeError):
        unseal(key, seal(key, b"", PLACE)[:length], PLACE)


def test_another_key_does_not_open() -> None:
    with pytest.raises(EnvelopeError):
        unseal(new_key(), seal(new_key(), b"text", PLACE), PLACE)


def test_sealing_twice_gives_different_bytes() -> None:
    key = new_key()

    assert seal(key, b"text", PLACE) != seal(key, b"text", PLACE)


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_joined_parts_split_again(parts: list[bytes]) -> None:
    assert split_parts(join_parts(*parts)) == parts


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EnvelopeError):
        split_parts(join_parts(b"text")[:-1])


def test_a_mac_tells_its_parts_apart() -> None:
    key = new_key()

    assert mac(key, b"ab", b"c") == mac(key, b"ab", b"c")
    assert mac(key, b"ab", b"c") != mac(key, b"a", b"bc")
    assert mac(key, b"ab", b"c") != mac(new_key(), b"ab", b"c")
