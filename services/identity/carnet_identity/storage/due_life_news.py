"""Of whom consent is still to be told that it is known anew whether she lives: due until it was told, however often processes die."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from carnet_platform.mongo import Collection, Session
from pymongo import ASCENDING

from carnet_identity.domain.life_news import LifeNews


class DueLifeNews:
    """Collection `due_life_news`, or `due_mandate_news`: that a mandate in which she takes part changed."""

    def __init__(self, collection: Collection) -> None:
        self._due = collection

    async def add(self, patient: str, within: Session) -> None:
        """Notes news of a person, `patients/{patient}`, in the transaction that makes it; newer news takes the place of older."""
        news = {"$set": {"request_id": str(uuid.uuid4()), "refusals": 0}}
        await self._due.update_one({"_id": patient}, news, upsert=True, session=within)

    async def some(self, limit: int = 100) -> Sequence[LifeNews]:
        """Some that are due, those last that consent has refused."""
        rows = self._due.find({}).sort("refusals", ASCENDING).limit(limit)
        return [LifeNews(patient=row["_id"], request_id=row["request_id"]) async for row in rows]

    async def done(self, news: LifeNews) -> None:
        """Forgets news that consent has, unless newer news came meanwhile."""
        await self._due.delete_one({"_id": news.patient, "request_id": news.request_id})

    async def put_back(self, news: LifeNews) -> None:
        """Puts news that consent refused behind the others."""
        await self._due.update_one({"_id": news.patient, "request_id": news.request_id}, {"$inc": {"refusals": 1}})
