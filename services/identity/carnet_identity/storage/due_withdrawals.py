"""Withdrawals that identity makes: due until consent was told, so that a process that dies in between does not forget one.

They are kept for as long as a token could name what they withdraw: identity answers from its own store and looks for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from carnet_platform.mongo import Collection, Session
from pymongo import ASCENDING, UpdateOne

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
                {
                    "$set": {"request_id": withdrawal.request_id, "is_told": False, "refusals": 0},
                    "$max": {"expire_time": withdrawal.expire_time},
                },
                upsert=True,
            )
            for withdrawal in withdrawals
        ]
        if writes:
            await self._due.bulk_write(writes, session=within)

    async def some(self, limit: int = 100) -> list[Withdrawal]:
        """Some that are due, those last that consent has refused."""
        return [
            Withdrawal(subject=found["_id"], request_id=found["request_id"], expire_time=found["expire_time"])
            async for found in self._due.find({"is_told": False}).sort("refusals", ASCENDING).limit(limit)
        ]

    async def done(self, withdrawal: Withdrawal) -> None:
        """Notes that consent has one, unless a newer one of the same subject was noted meanwhile, or it must be kept for longer."""
        told = {"_id": withdrawal.subject, "request_id": withdrawal.request_id, "expire_time": {"$lte": withdrawal.expire_time}}
        await self._due.update_one(told, {"$set": {"is_told": True}})

    async def put_back(self, withdrawal: Withdrawal) -> None:
        """Puts one that consent refused behind the others."""
        await self._update(withdrawal, {"$inc": {"refusals": 1}})

    async def is_any_withdrawn(self, subjects: Iterable[str]) -> bool:
        """Whether any of these was withdrawn here, whether or not consent was told."""
        return await self._due.find_one({"_id": {"$in": list(subjects)}}, {"_id": 1}) is not None

    async def forget_expired(self, now: datetime) -> None:
        """Forgets those that no token can name any more."""
        await self._due.delete_many({"expire_time": {"$lte": now}})

    async def _update(self, withdrawal: Withdrawal, change: Mapping[str, Any]) -> None:
        await self._due.update_one({"_id": withdrawal.subject, "request_id": withdrawal.request_id}, change)
