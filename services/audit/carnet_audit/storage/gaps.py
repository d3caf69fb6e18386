"""What is missing in the store: silent streams, changes that wait for one before them, and places where the rows do not hold together.

Leaves and events are held against each other: a leaf is there when its row is what was sealed and its event names it back, an event
when it is still to be integrated or a leaf names it back. What is new is looked at first, and once more when it was integrated;
beside that everything is gone over again, a part each look, so that what is damaged later is found as well.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING

from carnet_audit.storage.collections import Collections
from carnet_audit.storage.log import LogStore

NEW, AGAIN = 20_000, 1_000
"""Rows in one look: at most of what is new, and about how many are gone over again."""
STEP = 5_000
"""Most rows read at once."""
RECENT = 1_000
"""Streams, and subjects of changes, looked at for what is new: those that moved last."""
_OVERHEAD = 10
"""What asking about a producer costs, in rows."""
_DIGITS = 15


@dataclass(frozen=True)
class _Numbers:
    """Numbers that must be there, `first` to before `end`. `place` is how an alarm calls them: never by a record."""

    producer: str
    place: str
    first: int
    end: int


@dataclass(frozen=True)
class _Seen:
    """How far a look came, and what it found: damage by a name of its own, with its place."""

    reached: int
    damage: dict[str, str]


class GapStore:
    """Looks for what is missing. Remembers how far it has looked, so that each look is short."""

    def __init__(self, collections: Collections, log: LogStore) -> None:
        self._all, self._log = collections, log
        self._reached: dict[str, int] = {}
        self._told = set[str]()
        self._round = self._go_over()

    async def take_silent(self, since: datetime) -> list[tuple[str, str]]:
        """Open streams not heard since then, each told once a silence: (stream, service)."""
        silent = []
        async for found in self._all.streams.find({"is_closed": False, "is_alarmed": False, "heard_time": {"$lt": since}}).limit(1000):
            wanted = {"_id": found["_id"], "heard_time": found["heard_time"], "is_alarmed": False}
            if (await self._all.streams.update_one(wanted, {"$set": {"is_alarmed": True}})).modified_count:
                silent.append((found["_id"], found["service"]))
        return silent

    async def waiting_services(self, since: datetime) -> dict[str, int]:
        """How many changes of each service have waited since then for one before them."""
        services: dict[str, int] = {}
        async for found in self._all.events.find({"state": "waiting", "arrive_time": {"$lt": since}}, {"producer": 1}).limit(1000):
            service = found["producer"].partition("/")[0]
            services[service] = services.get(service, 0) + 1
        return services

    async def holes(self) -> list[str]:
        """Where something is missing or was altered: `log`, `counts`, a stream, a service's changes. Each damage is told once."""
        damage = await self._look_at_new()
        left = AGAIN
        while left > 0:
            try:
                cost, found = await anext(self._round)
            except StopAsyncIteration:  # it is at its end, or the store failed in it
                self._round = self._go_over()
                break
            left -= cost
            damage |= found
        holes = [place for name, place in damage.items() if name not in self._told]
        self._told.update(damage)
        return holes

    async def _look_at_new(self) -> dict[str, str]:
        streams = await self._all.streams.find().sort("heard_time", DESCENDING).to_list(RECENT)
        subjects = await self._all.subjects.find().sort("arrive_time", DESCENDING).to_list(RECENT)
        damage: dict[str, str] = {}
        reached: dict[str, int] = {}
        left = NEW
        for numbers in [await self._leaves(), *map(_of_stream, streams), *map(_of_subject, subjects)]:
            # A process that has just started begins near the end: what is older is gone over anyway.
            begin = self._reached.get(numbers.producer, max(numbers.first, numbers.end - STEP))
            end = min(numbers.end, begin + min(left, STEP))
            seen = await self._look(numbers, begin, end)
            reached[numbers.producer] = seen.reached
            damage |= seen.damage
            left -= max(0, end - begin)
        self._reached = reached
        return damage

    async def _go_over(self) -> AsyncIterator[tuple[int, dict[str, str]]]:
        """One round over everything, step by step: what the step cost, in rows, and what it found."""
        async for numbers in self._everything():
            for begin in range(numbers.first, numbers.end, AGAIN):
                end = min(numbers.end, begin + AGAIN)
                yield end - begin + _OVERHEAD, (await self._look(numbers, begin, end)).damage

    async def _everything(self) -> AsyncIterator[_Numbers]:
        yield await self._leaves()
        for collection, numbers_of in ((self._all.streams, _of_stream), (self._all.subjects, _of_subject)):
            last = ""
            while page := await collection.find({"_id": {"$gt": last}}).sort("_id", ASCENDING).to_list(STEP):
                for row in page:
                    yield numbers_of(row)
                last = page[-1]["_id"]

    async def _leaves(self) -> _Numbers:
        return _Numbers(self._log.shard, "log", 0, (await self._log.read_term()).size)

    async def _look(self, numbers: _Numbers, begin: int, end: int) -> _Seen:
        if end <= begin:
            return _Seen(begin, {})
        if numbers.place == "log":
            return _Seen(end, await self._look_at_leaves(begin, end))
        return await self._look_at_events(numbers, begin, end)

    async def _look_at_leaves(self, begin: int, end: int) -> dict[str, str]:
        leaves = {row["_id"]: row async for row in self._all.leaves.find({"_id": _between(self._log.shard, begin, end)})}
        names = [row.get("event", "") for row in leaves.values()]
        found = self._all.events.find({"_id": {"$in": names}}, {"state": 1, "leaf": 1, "record": 1})
        events = {row["_id"]: row async for row in found}
        damage = {}
        for index in range(begin, end):
            leaf = leaves.get(self._log.leaf_id(index))
            event = events.get(leaf.get("event", "")) if leaf and self._log.seals.is_leaf_genuine(leaf) else None
            if event is None or (event["state"], event.get("leaf")) != ("logged", index):
                damage = {f"leaf {index}": "log"}
                break
        records = {event["record"] for event in events.values()} - {""}
        return damage | {f"count {record}": "counts" for record in await self._log.heads.find_damaged(records)}

    async def _look_at_events(self, numbers: _Numbers, begin: int, end: int) -> _Seen:
        wanted = {"_id": _between(numbers.producer, begin, end)}
        events = {row["_id"]: row async for row in self._all.events.find(wanted, {"state": 1, "leaf": 1})}
        named = await self._named_by_leaves(row["leaf"] for row in events.values() if row["state"] == "logged" and "leaf" in row)
        pending = [name for name, row in events.items() if row["state"] == "pending"]
        present = named.union(pending)
        places = {number: f"{numbers.producer}/{number:0{_DIGITS}d}" for number in range(begin, end)}
        missing = next((place for place in places.values() if place not in present), None)
        reached = next((number for number, place in places.items() if place in pending), end)
        return _Seen(reached, {missing: numbers.place} if missing else {})

    async def _named_by_leaves(self, indexes: Iterable[int]) -> set[str]:
        wanted = {"_id": {"$in": [self._log.leaf_id(index) for index in indexes]}}
        return {row["event"] async for row in self._all.leaves.find(wanted) if self._log.seals.is_leaf_genuine(row)}


def _between(prefix: str, begin: int, end: int) -> dict[str, str]:
    return {"$gte": f"{prefix}/{begin:0{_DIGITS}d}", "$lt": f"{prefix}/{end:0{_DIGITS}d}"}


def _of_stream(row: dict[str, Any]) -> _Numbers:
    return _Numbers(f"{row['service']}/streams/{row['_id']}", f"streams/{row['_id']}", 0, row["next_seq"])


def _of_subject(row: dict[str, Any]) -> _Numbers:
    service = row["_id"].partition("/")[0]
    return _Numbers(row["_id"], f"{service}/changes", 1, row["expected"])
