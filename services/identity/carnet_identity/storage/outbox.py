"""Letters to be sent: queued in the transaction that has a reason to send them, taken by whoever sends, forgotten once that is over.

1. A letter is queued, sealed, with the channel it goes to and a last instant after which nobody wants it any more.
2. Who sends takes it: it is due again only after a while, so that two senders never have it at once.
3. Sent, or refused for good: forgotten. Refused for now: due again later.

A sender that dies between the mail server's yes and 3 leaves it due again: the letter is sent twice rather than never, with the same
Message-ID. Its attempts are counted when it is taken, so a letter that kills its sender ends too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Session
from pymongo import ASCENDING, ReturnDocument

from carnet_identity.domain.letter import Letter

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedLetter:
    """A letter that was taken, to be sent now. `attempts` counts this one."""

    letter: Letter
    patient_id: str
    channel_id: str
    attempts: int
    expire_time: datetime


class Outbox:
    """Collection `outbox`, of what the mail server takes, or `pushes`, of what the push gateway does: one keeps the other from nothing."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._rows, self._name = collection, collection.name
        self._sealer = Sealer(keys, self._name)

    async def add(
        self,
        session: Session,
        letter: Letter,
        patient_id: str,
        channel_id: str,
        *,
        now: datetime,
        expire_time: datetime,
        is_withheld: bool = False,
    ) -> None:
        """Queues a letter in the caller's transaction. One that is withheld costs the same and is never sent."""
        await self._rows.insert_one(
            {
                "_id": letter.id,
                "patient": patient_id,
                "channel": channel_id,
                "letter": Binary(self._sealer.seal(json.dumps(asdict(letter)).encode(), self._context(letter.id, patient_id, channel_id))),
                "due": expire_time if is_withheld else now,
                "expire_time": expire_time,
                "attempts": 0,
                "is_withheld": is_withheld,
            },
            session=session,
        )

    async def is_any_due(self, now: datetime) -> bool:
        """Whether there is something to take."""
        due = {"is_withheld": False, "due": {"$lte": now}, "expire_time": {"$gt": now}}
        return await self._rows.find_one(due, {"_id": 1}) is not None

    async def take(self, now: datetime, *, again_after: timedelta) -> QueuedLetter | None:
        """One that is due, oldest first, which nobody else gets until `again_after`; None when none is."""
        while True:
            row = await self._rows.find_one_and_update(
                {"due": {"$lte": now}, "expire_time": {"$gt": now}, "is_withheld": False},
                {"$set": {"due": now + again_after}, "$inc": {"attempts": 1}},
                sort=[("due", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
            if row is None:
                return None
            try:
                return self._opened(row)
            except EnvelopeError:
                # It is due again later, and ends when it expires; the others must not wait for it.
                _log.error("outbox.seal_broken", letter=row["_id"])

    async def done(self, letter_id: str, session: Session | None = None) -> None:
        """Forgets a letter whose sending is over."""
        await self._rows.delete_one({"_id": letter_id}, session=session)

    async def put_back(self, letter_id: str, attempts: int, due: datetime) -> None:
        """Makes a letter due at an instant, unless it was taken again meanwhile."""
        await self._rows.update_one({"_id": letter_id, "attempts": attempts}, {"$set": {"due": due}})

    async def forget(self, session: Session, patient_id: str, channel_id: str | None = None) -> None:
        """Forgets what is queued for a channel, or for all channels of a person."""
        chosen = {"patient": patient_id} if channel_id is None else {"patient": patient_id, "channel": channel_id}
        await self._rows.delete_many(chosen, session=session)

    async def take_expired(self, now: datetime) -> tuple[str, bool] | None:
        """Forgets one that nobody wants any more and gives its id and whether it was to be sent; None when there is none."""
        row = await self._rows.find_one_and_delete({"expire_time": {"$lte": now}}, {"is_withheld": 1})
        return None if row is None else (row["_id"], not row["is_withheld"])

    async def length(self) -> int:
        """About how many are queued."""
        return int(await self._rows.estimated_document_count())

    def _opened(self, row: dict[str, Any]) -> QueuedLetter:
        sealed = self._sealer.unseal(bytes(row["letter"]), self._context(row["_id"], row["patient"], row["channel"]))
        return QueuedLetter(
            letter=Letter(**json.loads(sealed)),
            patient_id=row["patient"],
            channel_id=row["channel"],
            attempts=row["attempts"],
            expire_time=row["expire_time"],
        )

    def _context(self, letter_id: str, patient_id: str, channel_id: str) -> Context:
        return Context(self._name, "letter", subject=patient_id, item=f"{channel_id}/{letter_id}")
