"""A repeated request gets the first answer.

Promises that within seven days the same `request_id` of the same user and method does its work once and is answered alike, since
the answer is stored in the transaction that did the work. Refuses the same identifier with another content. Of a request only an
HMAC is stored, of the user and identifier too; the answer is sealed.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from carnet_platform.envelope import Context, mac
from carnet_platform.errors import AlreadyExists
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Database, Session, conflict, ensure_collection

KEPT: Final = timedelta(days=7)

_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "fingerprint", "answer", "time"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string"},
            "fingerprint": {"bsonType": "binData"},
            "answer": {"bsonType": "binData"},
            "time": {"bsonType": "date"},
        },
    }
}


class Requests:
    """Collection `requests`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._requests = collection
        self._sealer = Sealer(keys, "requests")
        self._key = keys.derive("request-fingerprint")

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> "Requests":
        """Make the collection if it is not there."""
        index = IndexModel([("time", ASCENDING)], name="kept", expireAfterSeconds=int(KEPT.total_seconds()))
        return cls(await ensure_collection(database, "requests", validator=_VALIDATOR, indexes=[index]), keys)

    async def first_answer(self, session: Session, method: str, user: str, request_id: str, request: bytes) -> bytes | None:
        """The answer this request got before, or None when it is new; AlreadyExists REQUEST_ID_REUSED when its content differs.

        `request` is the serialised request, the same bytes for the same content.
        """
        name = self._name(method, user, request_id)
        found = await self._requests.find_one({"_id": name}, session=session)
        if found is None:
            return None
        if not hmac.compare_digest(found["fingerprint"], mac(self._key, b"content", request)):
            raise AlreadyExists("REQUEST_ID_REUSED", "was used before with another content", field="request_id")
        return self._sealer.unseal(found["answer"], Context("requests", "answer", item=name))

    async def remember(self, session: Session, method: str, user: str, request_id: str, request: bytes, answer: bytes) -> None:
        """Keep the answer, in the transaction of the work; a concurrent twin makes the transaction run again."""
        name = self._name(method, user, request_id)
        document = {
            "_id": name,
            "fingerprint": mac(self._key, b"content", request),
            "answer": self._sealer.seal(answer, Context("requests", "answer", item=name)),
            # The machine's own clock: the store deletes by its own, which tests do not move.
            "time": datetime.now(UTC),
        }
        try:
            await self._requests.insert_one(document, session=session)
        except DuplicateKeyError:
            raise conflict("the same request was answered meanwhile") from None

    def _name(self, method: str, user: str, request_id: str) -> str:
        return mac(self._key, b"name", method.encode(), user.encode(), request_id.encode()).hex()
