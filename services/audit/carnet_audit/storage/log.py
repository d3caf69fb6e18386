"""The log itself: leaves with the nodes they complete, numbered lines, checkpoints, and the term that lets one sequencer write.

Promises that a batch is integrated whole or not at all, that only the holder of the present term writes (FencedError for any
other), and that what a leaf says never changes. A leaf is made from the event as it was sealed at intake, from nothing beside it.
The frontier is not stored: it is found again from the leaves' own nodes, so it cannot disagree with them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from carnet_platform.envelope import EnvelopeError
from carnet_platform.mongo import Session, in_transaction
from carnet_verify.commitment import opens
from carnet_verify.leaf import VIEWS, Leaf, commit_origin, commit_view
from carnet_verify.tree import Frontier, Node, perfect_nodes
from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.errors import DuplicateKeyError

from carnet_audit.domain.events import MalformedEventError, RecordedEvent, number_in_views, read_event
from carnet_audit.storage.collections import Collections
from carnet_audit.storage.heads import Head, HeadStore
from carnet_audit.storage.record_keys import RecordKeys, salt_for, unseal_event
from carnet_audit.storage.seals import DamagedLogError, Seals, is_sealed

FREE = 0
"""The beat of a term that nobody holds."""

_DIGITS = 15


class FencedError(Exception):
    """Another sequencer holds the shard's term now."""


@dataclass(frozen=True)
class Term:
    """A turn of sequencing one shard, and how far the log was when it was read."""

    shard: str
    term: int
    beat: int
    size: int
    checkpoint: int


class LogStore:
    """One shard of the log."""

    def __init__(self, collections: Collections, keys: RecordKeys, shard: str) -> None:
        self._all, self._keys, self.shard = collections, keys, shard
        self.seals = Seals(keys.seal_key())
        self.heads = HeadStore(collections, self.seals)

    async def read_term(self) -> Term:
        """The shard's term as it stands; made at the first time."""
        fresh = {"term": 0, "beat": 0, "size": 0, "checkpoint": 0}
        await self._all.terms.update_one({"_id": self.shard}, {"$setOnInsert": fresh}, upsert=True)
        found = await self._all.terms.find_one({"_id": self.shard})
        if found is None:
            raise DamagedLogError("the term is gone")
        return Term(self.shard, found["term"], found["beat"], found["size"], found["checkpoint"])

    async def take_term(self, seen: Term) -> bool:
        """Begin the next term, unless its holder has given a sign of life, or another took it, since `seen`."""
        wanted = {"_id": self.shard, "term": seen.term, "beat": seen.beat}
        done = await self._all.terms.update_one(wanted, {"$inc": {"term": 1, "beat": 1}})
        return done.modified_count == 1

    async def give_up_term(self, term: int) -> None:
        """End a turn at once, so that the next need not wait for silence; does nothing when the term is over already."""
        await self._all.terms.update_one({"_id": self.shard, "term": term}, {"$set": {"beat": FREE}})

    async def beat(self, term: int) -> None:
        """Give a sign of life. Raises FencedError."""
        await self._guard(term, {"$inc": {"beat": 1}})

    async def read_pending(self, limit: int) -> list[dict[str, Any]]:
        """Events to integrate, in the order they were taken in."""
        wanted = self._all.events.find({"state": "pending"}).sort([("arrive_time", ASCENDING), ("_id", ASCENDING)])
        return await wanted.limit(limit).to_list(limit)

    async def integrate(self, term: int, frontier: Frontier, events: Sequence[dict[str, Any]]) -> Frontier:
        """Make leaves and lines of these events, all or none; gives the frontier after them. Raises FencedError, DamagedLogError.

        `frontier` is left as it was: on any error the truth is in the store.
        """
        keys = await self._keys.load({event["record"] for event in events})

        async def body(session: Session) -> Frontier:
            await self._guard(term, {"$set": {"size": frontier.size + len(events)}}, session, size=frontier.size)
            heads = await self.heads.read({event["record"] for event in events if event["record"]}, session)
            grown, rows = frontier.copy(), _Rows([], [], [])
            for event in events:
                self._add(event, keys[event["record"]], heads.get(event["record"], Head()), grown, rows)
            await self._all.leaves.insert_many(rows.leaves, session=session)
            if rows.lines:
                await self._all.lines.insert_many(rows.lines, session=session)
                await self._all.heads.bulk_write(self.heads.updates(heads), session=session)
            await self._all.events.bulk_write(rows.logged, session=session)
            return grown

        return await in_transaction(self._all.client, body)

    def _add(self, taken: dict[str, Any], key: bytes, head: Head, frontier: Frontier, rows: "_Rows") -> None:
        """Makes the rows of one event; moves `head` and `frontier` on."""
        name, event = taken["_id"], _open(taken, key)
        record = event.record
        producer, _, place = name.rpartition("/")
        numbers = number_in_views(event, head.counts, VIEWS)
        origin = commit_origin(salt_for(key, name, "origin"), producer, int(place))
        views = tuple(commit_view(salt_for(key, name, view), record, view, number) for view, number in numbers.items())
        leaf = Leaf(event.kind, event.time, origin, bytes(taken["commitment"]), views)
        index, given = frontier.size, {view: number for view, number in numbers.items() if number}
        row = {"_id": self.leaf_id(index), "leaf": leaf.encode(), "nodes": frontier.append(leaf.hash()), "event": name}
        if given:
            row["tags"] = [self.seals.tag(record, view, number) for view, number in given.items()]
            head.counts.update(given)
            head.leaf = index
        rows.leaves.append({**row, "seal": self.seals.seal_leaf(row)})
        for view, number in given.items():
            line = {"record": record, "view": view, "number": number, "leaf": index, "event": name}
            rows.lines.append({"_id": line_id(record, view, number), **line})
        rows.logged.append(UpdateOne({"_id": name, "state": "pending"}, {"$set": {"state": "logged", "leaf": index}}))

    async def load_frontier(self, size: int) -> Frontier:
        """The frontier of the tree of `size` leaves. Raises DamagedLogError."""
        addresses = perfect_nodes(0, size)
        nodes = await self.load_nodes(addresses)
        return Frontier(size, [nodes[address] for address in addresses])

    async def load_nodes(self, addresses: Iterable[Node]) -> dict[Node, bytes]:
        """Stored nodes: node (k, i) is the k-th that leaf (i+1)*2^k-1 completed. Raises DamagedLogError."""
        wanted = {(level, index): self.leaf_id(((index + 1) << level) - 1) for level, index in addresses}
        found = {}
        async for row in self._all.leaves.find({"_id": {"$in": list(set(wanted.values()))}}):
            if not self.seals.is_leaf_genuine(row):
                raise DamagedLogError("a leaf was altered")
            found[row["_id"]] = row["nodes"]
        try:
            return {address: bytes(found[place][address[0]]) for address, place in wanted.items()}
        except (KeyError, IndexError):
            raise DamagedLogError("a leaf is missing") from None

    async def add_checkpoint(self, term: int, number: int, size: int, body: str) -> None:
        """Persist a checkpoint, not signed yet. Raises FencedError."""

        async def store(session: Session) -> None:
            await self._guard(term, {"$set": {"checkpoint": number}}, session, size=size)
            place = self._checkpoint_id(number)
            row = {"_id": place, "shard": self.shard, "number": number, "size": size, "body": body}
            await self._all.checkpoints.insert_one({**row, "seal": self.seals.seal_checkpoint(place, body)}, session=session)

        try:
            await in_transaction(self._all.client, store)
        except DuplicateKeyError:
            raise FencedError from None

    async def add_note(self, term: int, number: int, note: str) -> None:
        """Keep the signed form of a persisted checkpoint; signing is deterministic, so repeating changes nothing. Raises FencedError."""

        async def store(session: Session) -> None:
            await self._guard(term, {"$inc": {"beat": 1}}, session)
            await self._all.checkpoints.update_one({"_id": self._checkpoint_id(number)}, {"$set": {"note": note}}, session=session)

        await in_transaction(self._all.client, store)

    async def unsigned_checkpoints(self) -> list[dict[str, Any]]:
        """Checkpoints persisted and not signed: a sequencer died between the two. Raises DamagedLogError for one no sequencer wrote."""
        wanted = {"shard": self.shard, "note": {"$exists": False}}
        unsigned = await self._all.checkpoints.find(wanted).sort("number", ASCENDING).to_list(None)
        if not all(is_sealed(row, self.seals.seal_checkpoint(row["_id"], row["body"])) for row in unsigned):
            raise DamagedLogError("a checkpoint waits to be signed that no sequencer made")
        return unsigned

    async def newest_checkpoint(self) -> dict[str, Any] | None:
        """The newest signed checkpoint, or None."""
        wanted = {"shard": self.shard, "note": {"$exists": True}}
        return await self._all.checkpoints.find_one(wanted, sort=[("number", DESCENDING)])

    def leaf_id(self, index: int) -> str:
        """Where a leaf is stored."""
        return f"{self.shard}/{index:0{_DIGITS}d}"

    def _checkpoint_id(self, number: int) -> str:
        return f"{self.shard}/{number:0{_DIGITS}d}"

    async def _guard(self, term: int, update: dict[str, Any], session: Session | None = None, **wanted: int) -> None:
        done = await self._all.terms.update_one({"_id": self.shard, "term": term, **wanted}, update, session=session)
        if done.matched_count != 1:
            raise FencedError


@dataclass(frozen=True)
class _Rows:
    leaves: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    logged: list[UpdateOne]


def _open(taken: dict[str, Any], key: bytes) -> RecordedEvent:
    """The event as it was sealed at intake. Raises DamagedLogError when it does not open here, or its commitment is another's."""
    try:
        salt, payload = unseal_event(key, taken["record"], taken["_id"], bytes(taken["sealed"]))
        event = read_event(payload)
    except (EnvelopeError, MalformedEventError):
        raise DamagedLogError("an event taken in is not what was sealed") from None
    if event.record != taken["record"] or not opens(bytes(taken["commitment"]), salt, payload):
        raise DamagedLogError("an event taken in is not what was committed to")
    return event


def line_id(record: str, view: str, number: int) -> str:
    """Where a line is stored; within a record and view these sort by number."""
    return f"{record}/{view}/{number:0{_DIGITS}d}"
