"""A repeated request gets the first answer.

Promises that within seven days the same `request_id` of the same user and method does its work once and is answered alike, since
the answer is stored in the transaction that did the work. Refuses the same identifier with another content. Of a request only an
HMAC is stored, of the user and identifier too; the answer is sealed.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, Self

from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from carnet_platform.calls import current_call
from carnet_platform.envelope import Context, mac
from carnet_platform.errors import AlreadyExists
from carnet_platform.identifiers import check_request_id
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


class Repeatable(Protocol):
    """A message of a contract that can be sent again: one with a `request_id`."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:  # noqa: N802 - protobuf's name
        """The same bytes for the same content."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A request by which it is known again."""

    method: str
    user: str
    """Under whose name."""
    request_id: str
    """Chosen by the caller: a UUID."""
    content: bytes
    """The same bytes for the same content."""


def asked(request: Repeatable) -> Asked:
    """The request of the call in hand, its user's or, when nobody is logged in, its caller's.

    Raises:
        InvalidArgument: INVALID_FIELD, `request_id` is no UUID.
    """
    call = current_call()
    user = call.caller.name if call.user is None else call.user.subject
    return Asked(call.method, user, check_request_id(request.request_id), request.SerializeToString(deterministic=True))


class Requests:
    """Collection `requests`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._requests = collection
        self._sealer = Sealer(keys, "requests")
        self._key = keys.derive("request-fingerprint")

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> Self:
        """Make the collection if it is not there."""
        index = IndexModel([("time", ASCENDING)], name="kept", expireAfterSeconds=int(KEPT.total_seconds()))
        return cls(await ensure_collection(database, "requests", validator=_VALIDATOR, indexes=[index]), keys)

    async def once(self, session: Session, asked: Asked, work: Callable[[Session], Awaitable[bytes]]) -> bytes:
        """The first answer of a request that was answered before, otherwise that of `work`, kept for the next time.

        Raises:
            AlreadyExists: REQUEST_ID_REUSED.
            Refusal: whatever `work` raises; then nothing is kept, and the request may be made again.
        """
        first = await self.first_answer(session, asked)
        if first is not None:
            return first
        answer = await work(session)
        await self.remember(session, asked, answer)
        return answer

    async def first_answer(self, session: Session, asked: Asked) -> bytes | None:
        """The answer this request got before, or None when it is new; AlreadyExists REQUEST_ID_REUSED when its content differs."""
        name = self._name(asked)
        found = await self._requests.find_one({"_id": name}, session=session)
        if found is None:
            return None
        if not hmac.compare_digest(found["fingerprint"], mac(self._key, b"content", asked.content)):
            raise AlreadyExists("REQUEST_ID_REUSED", "was used before with another content", field="request_id")
        return self._sealer.unseal(found["answer"], Context("requests", "answer", item=name))

    async def remember(self, session: Session, asked: Asked, answer: bytes) -> None:
        """Keep the answer, in the transaction of the work; a concurrent twin makes the transaction run again."""
        name = self._name(asked)
        document = {
            "_id": name,
            "fingerprint": mac(self._key, b"content", asked.content),
            "answer": self._sealer.seal(answer, Context("requests", "answer", item=name)),
            # The machine's own clock: the store deletes by its own, which tests do not move.
            "time": datetime.now(UTC),
        }
        try:
            await self._requests.insert_one(document, session=session)
        except DuplicateKeyError:
            raise conflict("the same request was answered meanwhile") from None

    def _name(self, asked: Asked) -> str:
        return mac(self._key, b"name", asked.method.encode(), asked.user.encode(), asked.request_id.encode()).hex()
