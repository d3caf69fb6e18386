"""The code that a holder gives back before her record is destroyed: one a record, in the collection `destruction_codes`.

A code is six digits, good until it expires or five were tried, and used once; the next one takes its place. It is made from the request
that asks for it, by a key outside the database, so a retry asks for the same letter; what is stored is an HMAC of it. A try is counted
before it is looked at. Whoever can write here can give himself more tries, and needs the holder's own login all the same.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from bson import Binary
from carnet_platform.envelope import mac
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection, Database, Session, ensure_collection

from carnet_consent.storage.indexes import DESTRUCTION_CODES, DESTRUCTION_CODES_INDEXES, DESTRUCTION_CODES_VALIDATOR

DIGITS: Final = 6
MOST_TRIES: Final = 5
MOST_SENT: Final = 5
"""Codes within an hour."""
HOUR: Final = timedelta(hours=1)


class DestructionCodes:
    """The collection."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._codes = collection
        self._making, self._marking = keys.derive("destruction-code"), keys.derive("destruction-code-mark")

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> Self:
        """Make the collection if it is not there."""
        codes = await ensure_collection(
            database, DESTRUCTION_CODES, validator=DESTRUCTION_CODES_VALIDATOR, indexes=DESTRUCTION_CODES_INDEXES
        )
        return cls(codes, keys)

    def code(self, record: str, request_id: str) -> str:
        """The code of a request: always the same."""
        number = int.from_bytes(mac(self._making, record.encode(), request_id.encode()), "big")
        return f"{number % 10**DIGITS:0{DIGITS}d}"

    async def wait(self, session: Session, record: str, now: datetime) -> timedelta | None:
        """How long no further code is sent about a record; None when one is now."""
        sent = await self._sent(session, record, now)
        return sent[-MOST_SENT] + HOUR - now if len(sent) >= MOST_SENT else None

    async def put(self, session: Session, record: str, code: str, now: datetime, expire_time: datetime) -> None:
        """Await a code instead of any other, in the caller's transaction."""
        row = {
            "mark": self._mark(record, code),
            "expire_time": expire_time,
            "tries": 0,
            "sent_times": [*await self._sent(session, record, now), now],
            # The machine's own clock: the store deletes by its own, which tests do not move.
            "keep_until": datetime.now(UTC) + (expire_time - now) + HOUR,
        }
        await self._codes.replace_one({"_id": record}, row, upsert=True, session=session)

    async def count_try(self, record: str) -> None:
        """Count a try at the code awaited, whatever comes of it."""
        await self._codes.update_one({"_id": record}, {"$inc": {"tries": 1}})

    async def take(self, session: Session, record: str, code: str, now: datetime) -> bool:
        """Whether this is the code awaited, after its try was counted; used by that, in the caller's transaction."""
        row = await self._codes.find_one({"_id": record}, session=session)
        if row is None or now >= row["expire_time"] or row["tries"] > MOST_TRIES:
            return False
        if not hmac.compare_digest(bytes(row["mark"]), bytes(self._mark(record, code))):
            return False
        return (await self._codes.delete_one({"_id": record}, session=session)).deleted_count == 1

    async def _sent(self, session: Session, record: str, now: datetime) -> list[datetime]:
        row = await self._codes.find_one({"_id": record}, {"sent_times": 1}, session=session)
        return [time for time in (row["sent_times"] if row is not None else []) if now - time < HOUR]

    def _mark(self, record: str, code: str) -> Binary:
        return Binary(mac(self._marking, record.encode(), code.encode()))
