"""Withdrawals that consent has yet to be told of, so that a process that dies in between does not forget one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from carnet_platform.mongo import Collection, Session
from pymongo import UpdateOne

from carnet_identity.domain.withdrawal import Withdrawal


class DueWithdrawals:
    """Collection `due_withdrawals`."""

    def __init__(self, collection: Collection) -> None:
        self._due = collection

    async def add(self, withdrawals: Sequence[Withdrawal], within: Session | None = None) -> None:
        """Notes withdrawals; one that is noted already is kept as the newer says."""
        writes = [
            UpdateOne(
                {"_id": withdrawal.subject},
                {"$set": {"request_id": withdrawal.request_id, "expire_time": withdrawal.expire_time}},
                upsert=True,
            )
            for withdrawal in withdrawals
        ]
        if writes:
            await self._due.bulk_write(writes, session=within)

    async def some(self, limit: int = 100) -> list[Withdrawal]:
        """Some that are due."""
        return [
            Withdrawal(subject=found["_id"], request_id=found["request_id"], expire_time=found["expire_time"])
            async for found in self._due.find().limit(limit)
        ]

    async def done(self, withdrawal: Withdrawal) -> None:
        """Forgets one that consent has, unless a newer one of the same subject was noted meanwhile."""
        await self._due.delete_one({"_id": withdrawal.subject, "request_id": withdrawal.request_id})

    async def forget_expired(self, now: datetime) -> None:
        """Forgets those that no token can name any more."""
        await self._due.delete_many({"expire_time": {"$lte": now}})
