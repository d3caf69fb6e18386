"""Seals over the rows of the log, so that whoever may write to the database alone changes nothing unseen.

The key is derived from one outside the database. A leaf's row carries a tag for each line it gave (record, view, number): equal only
for equal lines, so that the log itself can be asked for a line, and unreadable without the key. Seals say what was written in a
place, not that it is the newest: a count is therefore held against the tags as well (heads.py), and the gap watch goes over every row.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from carnet_platform.envelope import join_parts, mac


class DamagedLogError(Exception):
    """Something that must be in the log is not there, or is not what it was."""


class Seals:
    """Makes and checks seals and tags, 32 bytes each."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def tag(self, record: str, view: str, number: int) -> bytes:
        """What the leaf that gave this line is found by."""
        return self._mac("line", record, view, number)

    def seal_leaf(self, row: Mapping[str, Any]) -> bytes:
        """The seal of a leaf's row: its place, its event, what it says, the nodes it completed, the lines it gave."""
        nodes, tags = (join_parts(*map(bytes, row.get(name, ()))) for name in ("nodes", "tags"))
        return self._mac("leaf", row["_id"], row.get("event", ""), bytes(row.get("leaf", b"")), nodes, tags)

    def seal_head(self, record: str, counts: Mapping[str, int], leaf: int) -> bytes:
        """The seal of a record's counts as its leaf number `leaf` left them."""
        return self._mac("head", record, *(f"{view} {count!r}" for view, count in sorted(counts.items())), leaf)

    def seal_checkpoint(self, place: str, body: str) -> bytes:
        """The seal of a checkpoint that is persisted and not signed yet."""
        return self._mac("checkpoint", place, body)

    def is_leaf_genuine(self, row: Mapping[str, Any]) -> bool:
        """Is this leaf's row as it was written?"""
        return is_sealed(row, self.seal_leaf(row))

    def _mac(self, kind: str, *parts: str | int | bytes) -> bytes:
        return mac(self._key, kind.encode(), *(part if isinstance(part, bytes) else str(part).encode() for part in parts))


def is_sealed(row: Mapping[str, Any], seal: bytes) -> bool:
    """Does the row carry this seal?"""
    return hmac.compare_digest(bytes(row.get("seal", b"")), seal)
