"""How many lines each view of a record has: the counts that numbers go on from and that are signed for an export.

Promises that a count is the sequencer's own (a seal) and its newest (the log has no leaf that gave the next number), or
DamagedLogError. A count put back to what it once was therefore neither shortens a history nor gives a number twice; who also takes
the tags off the leaves breaks their seals, which the gap watch finds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from carnet_platform.mongo import Session, in_transaction
from carnet_verify.leaf import VIEWS
from pymongo import UpdateOne

from carnet_audit.storage.collections import Collections
from carnet_audit.storage.seals import DamagedLogError, Seals, is_sealed


@dataclass
class Head:
    """Lines by view, and the index of the leaf that gave the last of them (0 while there is none)."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VIEWS, 0))
    leaf: int = 0


class HeadStore:
    """Counts by record."""

    def __init__(self, collections: Collections, seals: Seals) -> None:
        self._all, self._seals = collections, seals

    async def read(self, records: Iterable[str], session: Session) -> dict[str, Head]:
        """The heads of these records, of those without lines too. Raises DamagedLogError."""
        heads, damaged = await self._load(records, session)
        if damaged:
            raise DamagedLogError("a count of lines is not what the log holds")
        return heads

    def updates(self, heads: Mapping[str, Head]) -> list[UpdateOne]:
        """What writes these heads."""
        rows = {
            record: {**head.counts, "leaf": head.leaf, "seal": self._seals.seal_head(record, head.counts, head.leaf)}
            for record, head in heads.items()
        }
        return [UpdateOne({"_id": record}, {"$set": row}, upsert=True) for record, row in rows.items()]

    async def count(self, record: str, view: str) -> int:
        """How many lines there are. Raises DamagedLogError."""

        async def body(session: Session) -> int:
            return (await self.read([record], session))[record].counts[view]

        return await in_transaction(self._all.client, body)

    async def count_at(self, record: str, view: str, size: int, end: str) -> int:
        """How many lines the first `size` leaves gave, those stored before `end`, in one snapshot. Raises DamagedLogError."""

        async def body(session: Session) -> int:
            head = (await self.read([record], session))[record]
            count = head.counts[view]
            while count and head.leaf >= size:
                row = await self._all.leaves.find_one({"tags": self._seals.tag(record, view, count)}, session=session)
                if row is None or not self._seals.is_leaf_genuine(row):
                    raise DamagedLogError("a leaf is missing or altered")
                if row["_id"] < end:
                    break
                count -= 1
            return count

        return await in_transaction(self._all.client, body)

    async def find_damaged(self, records: Iterable[str]) -> set[str]:
        """Those of the records whose counts are not what the log holds."""

        async def body(session: Session) -> set[str]:
            return (await self._load(records, session))[1]

        return await in_transaction(self._all.client, body)

    async def _load(self, records: Iterable[str], session: Session) -> tuple[dict[str, Head], set[str]]:
        heads, damaged = {record: Head() for record in records}, set[str]()
        async for row in self._all.heads.find({"_id": {"$in": list(heads)}}, session=session):
            record = row["_id"]
            head = heads[record] = Head({view: row.get(view, 0) for view in VIEWS}, row.get("leaf", 0))
            if not is_sealed(row, self._seals.seal_head(record, head.counts, head.leaf)):
                damaged.add(record)
        following = {
            self._seals.tag(record, view, head.counts[view] + 1): record
            for record, head in heads.items()
            if record not in damaged
            for view in VIEWS
        }
        async for leaf in self._all.leaves.find({"tags": {"$in": list(following)}}, {"tags": 1}, session=session):
            damaged.update(following[tag] for tag in map(bytes, leaf["tags"]) if tag in following)
        return heads, damaged
