"""Withdrawals registered by other services: sessions, professionals, structures, activities, certificates (the one fence).

Each has a number; the newest number stands in the row `position`. A withdrawal is kept as long as a token could still name what it
withdraws, and a while longer: a clock that is wrong by the tolerated minute must not revive a token. Registering twice keeps the later end.

Every row is sealed. One that somebody edited or that lacks a part counts as withdrawn, for ever. What a seal cannot show, a row that was
deleted or set back, shows in the row `position`: it holds the sum of the numbers of all rows, which falls with either
(`fence_watch.py` compares, and forgets what is over; the store forgets nothing by itself).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import structlog
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection, Database, Session, ensure_collection
from carnet_platform.rows import RowSeals
from pymongo import ReplaceOne

from carnet_consent.storage.indexes import FENCES, FENCES_VALIDATOR, POSITION

_log = structlog.get_logger(__name__)
TOLERANCE: Final = timedelta(seconds=60)
"""By how much the clocks of the system may differ (trial R9)."""
KEPT_AFTER: Final = timedelta(hours=1)
BEGINNING: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """What the row `position` says of the others."""

    position: int = 0
    total: int = 0
    """The sum of the numbers of all rows: a row that is deleted, or set back to its earlier and smaller number, is missed in it."""
    purged_until: datetime = BEGINNING
    """No row is kept whose `keep_until` is earlier: an old one that is put back makes up for none that is missing."""


class Fences:
    """The collection `fences`."""

    def __init__(self, collection: Collection, seals: RowSeals) -> None:
        self.collection = collection
        self._seals = seals
        self.newest = 0
        """The newest number that this process has read."""

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> Self:
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, FENCES, validator=FENCES_VALIDATOR), RowSeals(keys, FENCES))

    async def register(self, session: Session, subject: str, expire_time: datetime) -> int:
        """Register a withdrawal inside a transaction and return its number."""
        return (await self.register_all(session, [(subject, expire_time)]))[0]

    async def register_all(self, session: Session, wanted: Sequence[tuple[str, datetime]]) -> list[int]:
        """Register withdrawals (subject, until when) inside a transaction and return their numbers, each greater than the one before."""
        account = await self.account(session)
        # A withdrawal is taken even when its account is broken; the watch has raised or will raise the alarm.
        account = account or Account(position=self.newest)
        position, total = account.position, account.total
        subjects = list(dict.fromkeys(subject for subject, _ in wanted))
        stored = {row["_id"]: row async for row in self.collection.find({"_id": {"$in": subjects}}, session=session)}
        rows = {subject: row for subject, row in stored.items() if self.is_whole(row)}
        for subject, expire_time in wanted:
            before = rows.get(subject)
            position += 1
            total = max(0, total - (before["position"] if before else 0)) + position
            rows[subject] = _row(subject, expire_time, position, before)
        replaced = [ReplaceOne({"_id": subject}, self._seals.sealed(rows[subject]), upsert=True) for subject in subjects]
        await self.collection.bulk_write(replaced, session=session)
        await self.keep_account(session, Account(position, total, account.purged_until))
        return list(range(account.position + 1, position + 1))

    async def account(self, session: Session) -> Account | None:
        """The account, inside a transaction: an empty one before the first withdrawal, None for one that cannot be believed."""
        found = await self.collection.find_one({"_id": POSITION}, session=session)
        if found is None:
            return Account() if self.newest == 0 else None
        return Account(found["position"], found["total"], found["purged_until"]) if self.is_whole(found) else None

    async def keep_account(self, session: Session, account: Account) -> None:
        """Store the account inside a transaction."""
        sealed = self._seals.sealed({"_id": POSITION, **asdict(account)})
        await self.collection.replace_one({"_id": POSITION}, sealed, upsert=True, session=session)

    async def withdrawn(self, session: Session, names: Iterable[str], now: datetime) -> bool:
        """Whether any of these is withdrawn, inside a transaction."""
        return any([self.holds(found, now) async for found in self.collection.find({"_id": {"$in": list(names)}}, session=session)])

    def holds(self, fence: Mapping[str, Any], now: datetime) -> bool:
        """Whether a stored withdrawal still refuses. One that cannot be believed does, and an alarm is raised."""
        if fence["_id"] == POSITION:
            return False
        if not self.is_whole(fence):
            _log.error("fence.seal_broken", subject=str(fence["_id"]))
            return True
        return bool(now < fence["expire_time"] + TOLERANCE)

    def position(self, found: Mapping[str, Any] | None) -> int:
        """The number of the newest withdrawal, from the row `position` as read; 0 when it cannot be believed."""
        position = int(found["position"]) if found is not None and self.is_whole(found) else 0
        self.newest = max(self.newest, position)
        return position

    def is_whole(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is as it was sealed, no field more or less."""
        return self._seals.is_whole(row)


def _row(subject: str, expire_time: datetime, position: int, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is stored of a withdrawal; of one registered before, the later end stays."""
    # The machine's clock, which tests do not move: counted from now, not from the instant named.
    ends = {"expire_time": expire_time, "keep_until": max(expire_time, datetime.now(UTC)) + KEPT_AFTER}
    if before is not None:
        ends = {name: max(end, before[name]) for name, end in ends.items()}
    return {"_id": subject, **ends, "position": position}
