"""Histories as they are read: lines in order, with the texts and leaves they stand for.

Promises nothing about completeness of the lines: what is missing in the store is missing here, and shows when the file is verified,
because the count is sealed and held against the log (heads.py), and the lines have no part in it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from carnet_verify.history import Line
from carnet_verify.leaf import decode_leaf
from carnet_verify.tree import inclusion_ranges, perfect_nodes, prove
from pymongo import ASCENDING, DESCENDING

from carnet_audit.storage.collections import Collections
from carnet_audit.storage.log import LogStore, line_id
from carnet_audit.storage.record_keys import RecordKeys, salt_for, unseal_event
from carnet_audit.storage.seals import DamagedLogError

PAGE = 200
"""Lines of an export proved at once."""


@dataclass(frozen=True)
class StoredLine:
    """A line as stored, with its text."""

    number: int
    leaf: int
    event: str
    salt: bytes
    payload: bytes


class HistoryStore:
    """Histories by record and view."""

    def __init__(self, collections: Collections, keys: RecordKeys, log: LogStore) -> None:
        self._all, self._keys, self._log = collections, keys, log

    async def count(self, record: str, view: str) -> int:
        """How many lines there are. Raises DamagedLogError."""
        return await self._log.heads.count(record, view)

    async def count_at(self, record: str, view: str, size: int) -> int:
        """How many lines there are among the first `size` leaves. Raises DamagedLogError."""
        return await self._log.heads.count_at(record, view, size, self._log.leaf_id(size))

    async def newest_first(self, record: str, view: str, before: int, limit: int) -> list[StoredLine]:
        """At most `limit` lines with numbers under `before`, newest first."""
        return await self._lines(record, view, range(max(1, before - limit), before), DESCENDING)

    async def prove(self, record: str, view: str, count: int, size: int) -> AsyncIterator[Sequence[Line]]:
        """Lines 1 to `count` with their proofs in the tree of `size` leaves, in order, some hundred at a time."""
        key = (await self._keys.load({record}))[record]
        for first in range(1, count + 1, PAGE):
            lines = await self._lines(record, view, range(first, min(first + PAGE, count + 1)), ASCENDING)
            leaves = {self._log.leaf_id(line.leaf): line for line in lines}
            encoded = {row["_id"]: bytes(row["leaf"]) async for row in self._all.leaves.find({"_id": {"$in": list(leaves)}}, {"leaf": 1})}
            ranges = {line.leaf: inclusion_ranges(line.leaf, size) for line in lines}
            nodes = await self._log.load_nodes({node for spans in ranges.values() for span in spans for node in perfect_nodes(*span)})
            if len(encoded) != len(leaves):
                raise DamagedLogError("a leaf is missing")
            yield [
                Line(
                    number=line.number,
                    payload=line.payload.decode(),
                    salt=line.salt,
                    leaf=decode_leaf(encoded[place]),
                    opening=salt_for(key, line.event, view),
                    index=line.leaf,
                    proof=tuple(prove(ranges[line.leaf], nodes.__getitem__)),
                )
                for place, line in leaves.items()
            ]

    async def _lines(self, record: str, view: str, numbers: range, order: int) -> list[StoredLine]:
        wanted = {"$gte": line_id(record, view, numbers.start), "$lt": line_id(record, view, numbers.stop)}
        lines = await self._all.lines.find({"_id": wanted}).sort("_id", order).to_list(None)
        found = self._all.events.find({"_id": {"$in": [line["event"] for line in lines]}}, {"sealed": 1})
        sealed = {row["_id"]: bytes(row["sealed"]) async for row in found}
        if len(sealed) != len(lines):
            raise DamagedLogError("an event is missing")
        key = (await self._keys.load({record}))[record] if lines else b""
        return [
            StoredLine(line["number"], line["leaf"], line["event"], *unseal_event(key, record, line["event"], sealed[line["event"]]))
            for line in lines
        ]
