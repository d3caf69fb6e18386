"""Notices: the inbox of who is told, and the queue of the letters that go out beside it, in the collection `notices`.

1. Stored in the transaction of the change, under a name made from what the notice is about: stored twice is stored once.
2. One with a letter waits until a process takes it; nobody else gets it while that process has it.
3. Delivered, or without an address to deliver to: it stays in the inbox until its time is over. Given up: it waits for an operator.

What a notice says is one sealed blob beside blind indexes of its recipient and of its place of care, so that the store does not tell
who was told what. Its readers are blind marks as well. A row that does not open raises an alarm and is told to nobody.
"""

import base64
import json
from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError, mac
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Database, Session, ensure_collection
from pymongo import ASCENDING, DESCENDING, ReturnDocument

from carnet_consent.domain.inbox import Inbox
from carnet_consent.domain.letter_queue import Delivery, QueuedNotice
from carnet_consent.domain.notice import Channel, Letter, Notice, NoticeKind
from carnet_consent.storage.indexes import NOTICES, NOTICES_INDEXES, NOTICES_VALIDATOR

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice in an inbox."""

    id: str
    notice: Notice
    is_read: bool
    """By the one who reads the inbox now."""


Place = tuple[datetime, str]
"""Where a page ends: the time and the id of its last notice."""


class Notices:
    """The collection `notices`."""

    def __init__(self, collection: Collection, keys: MasterKeys, kept: timedelta) -> None:
        self.collection = collection
        self._sealer = Sealer(keys, NOTICES)
        self._key = keys.derive("notice-index")
        self._kept = kept

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys, kept: timedelta) -> Self:
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, NOTICES, validator=NOTICES_VALIDATOR, indexes=NOTICES_INDEXES), keys, kept)

    def blind(self, kind: str, name: str) -> Binary:
        """The blind index of a recipient, a place or a reader."""
        return Binary(mac(self._key, kind.encode(), name.encode()))

    async def add(self, session: Session | None, notices: Iterable[Notice], now: datetime, *, due: datetime | None = None) -> bool:
        """Store notices, their letters due at once or at `due`; one that is there stays as it is. Returns whether any was new."""
        is_any_new = False
        for notice in notices:
            row = self._closed(notice, now) | ({} if due is None else {"due": due, "tried_from": due})
            stored = await self.collection.update_one({"_id": row.pop("_id")}, {"$setOnInsert": row}, upsert=True, session=session)
            is_any_new = is_any_new or stored.upserted_id is not None
        return is_any_new

    async def take(self, now: datetime, *, again_after: timedelta) -> QueuedNotice | None:
        """One whose letter is due, oldest first, which nobody else gets until `again_after`; None when none is."""
        while True:
            row = await self.collection.find_one_and_update(
                {"delivery": Delivery.WAITING, "due": {"$lte": now}},
                {"$set": {"due": now + again_after}, "$inc": {"attempts": 1}},
                sort=[("due", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
            if row is None:
                return None
            notice = self.opened(row)
            if notice is not None:
                return QueuedNotice(row["_id"], notice, row["attempts"], row["tried_from"])
            await self.settle(row["_id"], Delivery.GIVEN_UP)

    async def settle(self, notice_id: str, delivery: Delivery) -> None:
        """Note what became of a letter; one that is no longer waiting stays as it is."""
        await self.collection.update_one({"_id": notice_id, "delivery": Delivery.WAITING}, {"$set": {"delivery": delivery}})

    async def put_back(self, queued: QueuedNotice, due: datetime) -> None:
        """Make a letter due at an instant, unless it was taken again meanwhile."""
        waiting = {"_id": queued.id, "delivery": Delivery.WAITING, "attempts": queued.attempts}
        await self.collection.update_one(waiting, {"$set": {"due": due}})

    async def page(self, inbox: Inbox, after: Place | None, size: int, *, unread_only: bool) -> tuple[list[KeptNotice], Place | None]:
        """A page of an inbox, newest first, and where the next begins; None after the last. One that does not open is left out."""
        reader, query = self.blind("reader", inbox.reader), self._of(inbox)
        if unread_only:
            query["readers"] = {"$ne": reader}
        if after is not None:
            query["$or"] = [{"time": {"$lt": after[0]}}, {"time": after[0], "_id": {"$lt": after[1]}}]
        rows = await self.collection.find(query).sort([("time", DESCENDING), ("_id", DESCENDING)]).limit(size + 1).to_list(size + 1)
        page = [
            KeptNotice(row["_id"], notice, bytes(reader) in row["readers"])
            for row in rows[:size]
            if (notice := self.opened(row)) is not None
        ]
        return page, (rows[size - 1]["time"], rows[size - 1]["_id"]) if len(rows) > size else None

    async def mark_read(self, session: Session, inbox: Inbox, ids: Sequence[str]) -> bool:
        """Note that the reader of an inbox has read these, inside a transaction; False, and nothing noted, unless all are in it."""
        query = {**self._of(inbox), "_id": {"$in": list(ids)}}
        if await self.collection.count_documents(query, session=session) != len(set(ids)):
            return False
        await self.collection.update_many(query, {"$addToSet": {"readers": self.blind("reader", inbox.reader)}}, session=session)
        return True

    def _of(self, inbox: Inbox) -> dict[str, Any]:
        query: dict[str, Any] = {"recipient": self.blind("recipient", inbox.recipient)}
        if inbox.is_represented:
            query |= {"is_for_representatives": True, "place": {"$nin": [self.blind("place", one) for one in inbox.hidden_places]}}
        return query

    async def given_up(self) -> AsyncIterator[tuple[str, datetime]]:
        """The dead letters, longest first: their opaque names, and since when they were tried."""
        found = self.collection.find({"delivery": Delivery.GIVEN_UP}, {"tried_from": 1}).sort("tried_from", ASCENDING)
        async for row in found:
            yield row["_id"], row["tried_from"]

    async def try_again(self, now: datetime) -> int:
        """Make every dead letter due, as if it were new; how many there were."""
        anew = {"delivery": Delivery.WAITING, "due": now, "tried_from": now, "attempts": 0}
        return int((await self.collection.update_many({"delivery": Delivery.GIVEN_UP}, {"$set": anew})).modified_count)

    async def waits_since(self, before: datetime) -> bool:
        """Whether a letter still waits that is tried for longer."""
        waiting = {"delivery": Delivery.WAITING, "tried_from": {"$lt": before}}
        return await self.collection.find_one(waiting, {"_id": 1}) is not None

    async def forget(self, session: Session, record: str, recipient: str, kept: Container[str]) -> None:
        """Delete what one recipient was told of a record, but for these kinds of event; inside a transaction."""
        gone = []
        async for row in self.collection.find({"recipient": self.blind("recipient", recipient)}, session=session):
            notice = self.opened(row)
            if notice is not None and notice.record == record and notice.event not in kept:
                gone.append(row["_id"])
        if gone:
            await self.collection.delete_many({"_id": {"$in": gone}}, session=session)

    def opened(self, row: Mapping[str, Any]) -> Notice | None:
        """The notice of a stored row; None, and an alarm, for one that does not open in its place."""
        try:
            content = json.loads(self._sealer.unseal(bytes(row["content"]), _context(row)))
        except EnvelopeError:
            _log.error("notice.seal_broken", notice=row["_id"])
            return None
        letter = content.pop("letter")
        return Notice(
            **content
            | {"kind": NoticeKind(content["kind"]), "time": datetime.fromisoformat(content["time"])}
            | {"letter": Letter(letter) if letter else None}
            # Stored before there were channels: by every one.
            | {"channels": tuple(Channel(one) for one in content.get("channels", Channel))}
        )

    def _closed(self, notice: Notice, now: datetime) -> dict[str, Any]:
        row = {
            "_id": self._id(notice),
            "recipient": self.blind("recipient", notice.recipient),
            "place": self.blind("place", notice.place),
            "is_for_representatives": notice.tells_representatives,
            "time": now,
        }
        content = json.dumps(asdict(notice) | {"time": notice.time.isoformat()}, sort_keys=True).encode()
        return row | {
            "content": Binary(self._sealer.seal(content, _context(row))),
            "readers": [],
            "delivery": Delivery.WAITING if notice.letter is not None else Delivery.NONE,
            "due": now,
            "tried_from": now,
            "attempts": 0,
            # The machine's own clock: the store deletes by its own, which tests do not move.
            "keep_until": datetime.now(UTC) + self._kept,
        }

    def _id(self, notice: Notice) -> str:
        return base64.b32encode(mac(self._key, b"id", notice.key.encode())[:16]).decode().rstrip("=").lower()


def _context(row: Mapping[str, Any]) -> Context:
    beside = bytes(row["recipient"]) + bytes(row["place"]) + bytes([row["is_for_representatives"]])
    return Context(NOTICES, "content", subject=row["_id"], item=beside.hex())
