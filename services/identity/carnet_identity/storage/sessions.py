"""Sessions: who acts through which certificate until when. They hold opaque names only.

An assertion opens one session, whatever Redis remembers: a second one with the same mark is a replay (`presented_assertions.py`).
A session that was revoked stays revoked: nothing takes `revoke_time` away. Sessions are forgotten a day after they were opened, by
the store's own clock, long after any token of theirs.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from carnet_platform.errors import Unauthenticated
from carnet_platform.mongo import Collection
from carnet_platform.mongo import Session as StoreSession
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from carnet_identity.domain.session import Session


class SessionStore:
    """Collection `sessions`."""

    def __init__(self, collection: Collection) -> None:
        self._sessions = collection

    async def insert(self, session: Session) -> None:
        """Stores a new session; Unauthenticated ASSERTION_REPLAYED when its assertion has opened one before."""
        fields = asdict(session)
        # The machine's own clock: the store deletes by its own, which tests do not move.
        try:
            await self._sessions.insert_one({"_id": fields.pop("id"), **fields, "kept_from": datetime.now(UTC)})
        except DuplicateKeyError:
            raise Unauthenticated("ASSERTION_REPLAYED", "the assertion was exchanged before", field="assertion") from None

    async def find(self, session_id: str, within: StoreSession | None = None) -> Session | None:
        """The session of an opaque id."""
        found = await self._sessions.find_one({"_id": session_id}, session=within)
        return None if found is None else session_of(found)

    async def revoke(self, within: StoreSession, session_id: str, time: datetime) -> bool:
        """Ends a session; False when it had ended already."""
        result = await self._sessions.update_one({"_id": session_id, "revoke_time": None}, {"$set": {"revoke_time": time}}, session=within)
        return result.modified_count == 1

    async def newest_assertion_time(self) -> datetime | None:
        """When the newest assertion that was ever exchanged was issued, as far back as sessions are kept."""
        newest_first = [("assertion_time", DESCENDING)]
        found = await self._sessions.find_one({"assertion_time": {"$ne": None}}, {"assertion_time": 1}, sort=newest_first)
        return None if found is None else found["assertion_time"]


def session_of(document: dict[str, Any]) -> Session:
    """The session of a stored row."""
    fields = {name: value for name, value in document.items() if name not in {"_id", "kept_from"}}
    return Session(id=document["_id"], **fields)
