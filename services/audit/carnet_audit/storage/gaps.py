"""What is missing in the store: silent streams, changes that wait for one before them, holes where numbers must follow."""

from datetime import datetime

from carnet_audit.storage.collections import Collections
from carnet_audit.storage.log import LogStore

_STEP = 10_000
_DIGITS = 15


class GapStore:
    """Looks for what is missing. Remembers how far it has looked, so that each look is short."""

    def __init__(self, collections: Collections, log: LogStore) -> None:
        self._all, self._log = collections, log
        self._checked: dict[str, int] = {}

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
        """Where stored numbers do not follow: `log` or a stream. Each number is looked at once by this process."""
        holes = []
        term = await self._log.read_term()
        if await self._is_short("log", term.size):
            holes.append("log")
        streams = await self._all.streams.find({}, {"service": 1, "next_seq": 1}).sort("heard_time", -1).to_list(1000)
        for stream in streams:
            if await self._is_short(f"{stream['service']}/streams/{stream['_id']}", stream["next_seq"]):
                holes.append(f"streams/{stream['_id']}")  # noqa: PERF401 - one look after another, not all at once
        return holes

    async def _is_short(self, producer: str, size: int) -> bool:
        begin = self._checked.get(producer, 0)
        end = min(size, begin + _STEP)
        if end <= begin:
            return False
        collection, prefix = (self._all.leaves, self._log.shard) if producer == "log" else (self._all.events, producer)
        places = {"$gte": f"{prefix}/{begin:0{_DIGITS}d}", "$lt": f"{prefix}/{end:0{_DIGITS}d}"}
        found = await collection.count_documents({"_id": places})
        self._checked[producer] = end
        return found != end - begin
