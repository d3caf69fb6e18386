"""Notices a withdrawal that somebody deleted or set back, seal and all, and forgets the withdrawals that are over.

Every few seconds, away from the path of decisions, all rows are read at one instant and compared with their account (`fences.py`). What
is missed raises an alarm; then the account is made anew, so that the next loss is noticed as well. The account itself may be set back
together with the rows: a process that has read a newer number notices that, and nothing in this store does after all have restarted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from carnet_platform.mongo import Client, Session, in_transaction

from carnet_consent.storage.fences import Account, Fences
from carnet_consent.storage.indexes import POSITION
from carnet_consent.storage.watching import watching

_log = structlog.get_logger(__name__)
MOST_FORGOTTEN: Final = 1000
"""Rows deleted in one transaction, as many as the store advises; the rest waits for the next look."""


@dataclass
class _Count:
    """What the rows add up to."""

    position: int = 0
    total: int = 0
    over: list[dict[str, Any]] = field(default_factory=list)


class FenceWatch:
    """Watches the collection `fences`."""

    def __init__(self, client: Client, fences: Fences, every: timedelta) -> None:
        self._client, self._fences, self._every = client, fences, every

    async def run(self) -> None:
        """Look until cancelled."""
        await watching(self.look, self._every, "fence_watch.failed")

    async def look(self) -> None:
        """Compare once, raise the alarms, and forget what is over."""
        newest = self._fences.newest

        async def body(session: Session) -> int:
            return await self._look(session, newest)

        self._fences.newest = max(self._fences.newest, await in_transaction(self._client, body))

    async def _look(self, session: Session, newest: int) -> int:
        account = await self._fences.account(session)
        known = account or Account()
        count = await self._count(session, known)
        if account is None or count.total != known.total:
            _log.error("fences.incomplete", rows_total=count.total, account_total=known.total)
        if account is not None and account.position < newest:
            _log.error("fences.rolled_back", position=account.position, newest=newest)
        kept = await self._forgotten(session, known, count)
        position = max(known.position, count.position, newest)
        if account != (made := Account(position, kept.total, kept.purged_until)):
            await self._fences.keep_account(session, made)
        return position

    async def _count(self, session: Session, account: Account) -> _Count:
        count, now = _Count(), datetime.now(UTC)
        async for row in self._fences.collection.find({"_id": {"$ne": POSITION}}, session=session):
            if not self._fences.is_whole(row):
                _log.error("fence.seal_broken", subject=str(row["_id"]))
            elif row["keep_until"] < account.purged_until:
                _log.error("fence.put_back", subject=row["_id"])
                await self._fences.collection.delete_one({"_id": row["_id"]}, session=session)
            else:
                count.position, count.total = max(count.position, row["position"]), count.total + row["position"]
                if row["keep_until"] <= now:
                    count.over.append(row)
        return count

    async def _forgotten(self, session: Session, account: Account, count: _Count) -> Account:
        over: Sequence[dict[str, Any]] = sorted(count.over, key=lambda row: row["keep_until"])[:MOST_FORGOTTEN]
        if not over:
            return Account(account.position, count.total, account.purged_until)
        await self._fences.collection.delete_many({"_id": {"$in": [row["_id"] for row in over]}}, session=session)
        return Account(account.position, count.total - sum(row["position"] for row in over), over[-1]["keep_until"])
