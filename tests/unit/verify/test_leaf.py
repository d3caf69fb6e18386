"""One event, one byte string, one hash."""

import hashlib

import pytest
from carnet_verify.commitment import commit, opens
from carnet_verify.leaf import Leaf, commit_origin, commit_view, decode_leaf, opens_view
from hypothesis import given
from hypothesis import strategies as st

HASH = st.binary(min_size=32, max_size=32)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LEAVES = st.builds(Leaf, TEXT, TEXT, HASH, HASH, st.one_of(st.just(()), st.tuples(HASH, HASH)))
SALT = bytes(32)


@given(LEAVES)
def test_a_leaf_is_found_again_from_its_bytes(leaf: Leaf) -> None:
    assert decode_leaf(leaf.encode()) == leaf


@given(LEAVES, LEAVES)
def test_two_leaves_never_share_their_bytes(one: Leaf, other: Leaf) -> None:
    assert (one.encode() == other.encode()) == (one == other)


@given(LEAVES, st.data())
def test_bytes_that_are_not_exactly_a_leaf_are_refused(leaf: Leaf, data: st.DataObject) -> None:
    encoded = leaf.encode()
    cut = data.draw(st.integers(min_value=0, max_value=len(encoded) - 1))
    for wrong in (encoded[:cut], encoded + b"\x00"):
        with pytest.raises(ValueError, match=r"leaf|field"):
            decode_leaf(wrong)


def test_a_leaf_has_all_views_or_none() -> None:
    with pytest.raises(ValueError, match="all views or none"):
        Leaf("k", "t", SALT, SALT, (SALT,)).encode()


def test_the_leaf_hash_is_that_of_rfc_6962() -> None:
    leaf = Leaf("document.read", "2026-11-21T12:00:00.000000Z", SALT, SALT)
    assert leaf.hash() == hashlib.sha256(b"\x00" + leaf.encode()).digest()


def test_a_commitment_opens_with_its_salt_and_text_alone() -> None:
    commitment = commit(SALT, b"text")
    assert commitment == hashlib.sha256(SALT + b"text").digest()
    assert opens(commitment, SALT, b"text")
    assert not opens(commitment, SALT, b"texT")
    assert not opens(commitment, b"\x01" * 32, b"text")
    assert not opens(commitment, SALT + b"t", b"ext")


@pytest.mark.parametrize("make", [lambda: commit(b"", b""), lambda: commit_view(b"", "r", "v", 1), lambda: commit_origin(b"", "p", 1)])
def test_a_salt_of_another_length_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match="32 bytes"):
        make()


def test_a_view_opens_for_its_record_view_and_number_alone() -> None:
    views = (commit_view(SALT, "records/a", "patient", 7), commit_view(SALT, "records/a", "representatives", 0))
    assert opens_view(views, SALT, "records/a", "patient", 7)
    assert not opens_view(views, SALT, "records/a", "patient", 8)
    assert not opens_view(views, SALT, "records/b", "patient", 7)
    assert not opens_view(views, b"\x01" * 32, "records/a", "patient", 7)
    assert not opens_view(views, SALT, "records/a", "representatives", 7)
    assert not opens_view(views, SALT, "records/a", "representatives", 0), "number 0 says: not in this view"
    assert not opens_view(views, SALT, "records/a", "nobody", 7)
    assert not opens_view((), SALT, "records/a", "patient", 7)
