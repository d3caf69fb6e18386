"""Operations at rest: collection `operations`, each row under a seal, the reason encrypted.

Promises that a row which somebody edited or made up is not believed, and that one which was set back to an earlier state is not acted
on: the log of changes knows a later revision. An alarm is raised, and an operator looks. Rows are never deleted here.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final

import structlog
from pymongo import DESCENDING, IndexModel

from carnet_platform.envelope import Context, EnvelopeError
from carnet_platform.errors import NotFound
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Database, Session, ensure_collection
from carnet_platform.operations.operation import Operation, State
from carnet_platform.operations.ports import Changes
from carnet_platform.rows import SEAL, RowSeals

COLLECTION: Final = "operations"
_TEXT: Final = {"bsonType": "string"}
_DATE: Final = {"bsonType": "date"}
_DATE_OR_NULL: Final = {"bsonType": ["date", "null"]}
_FIELDS: Final[dict[str, Any]] = {
    "_id": _TEXT,
    "kind": _TEXT,
    "target": _TEXT,
    "reason": {"bsonType": "binData"},
    "state": {"enum": [state.value for state in State]},
    "proposer": _TEXT,
    "approver": _TEXT,
    "is_provisional": {"bsonType": "bool"},
    "propose_time": _DATE,
    "expire_time": _DATE,
    "approve_time": _DATE_OR_NULL,
    "done_time": _DATE_OR_NULL,
    "revision": {"bsonType": ["int", "long"], "minimum": 1},
    "is_open": {"bsonType": "bool"},
    SEAL: {"bsonType": "binData"},
}
_VALIDATOR: Final = {
    "$jsonSchema": {"bsonType": "object", "required": list(_FIELDS), "additionalProperties": False, "properties": _FIELDS},
}
_INDEXES: Final = [
    IndexModel([("propose_time", DESCENDING), ("_id", DESCENDING)], name="newest"),
    IndexModel([("propose_time", DESCENDING)], name="open", partialFilterExpression={"is_open": True}),
]
_log = structlog.get_logger(__name__)


class OperationStore:
    """The collection."""

    def __init__(self, collection: Collection, keys: MasterKeys, changes: Changes) -> None:
        self.collection = collection
        self._seals = RowSeals(keys, COLLECTION)
        self._sealer = Sealer(keys, COLLECTION)
        self._changes = changes
        self._alarmed: set[str] = set()

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys, changes: Changes) -> "OperationStore":
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, COLLECTION, validator=_VALIDATOR, indexes=_INDEXES), keys, changes)

    async def insert(self, session: Session, operation: Operation) -> None:
        """Store a new one."""
        await self.collection.insert_one(self._row(operation), session=session)

    async def replace(self, session: Session, operation: Operation) -> None:
        """Store the next revision of one that was found in this transaction."""
        await self.collection.replace_one({"_id": operation.id}, self._row(operation), session=session)

    async def find(self, operation_id: str, session: Session | None = None) -> Operation:
        """By opaque id; in a transaction only if it is not older than its last change.

        Raises:
            NotFound: there is none.
            EnvelopeError: what is stored cannot be believed.
        """
        row = await self.collection.find_one({"_id": operation_id}, session=session)
        if row is None:
            raise NotFound("NOT_FOUND", "there is no such operation", field="operation")
        operation = self._opened(row)
        if session is not None and await self._changes.last_revision(operation.name, session=session) != operation.revision:
            if self._is_news(operation.id):
                _log.error("operation.rolled_back", operation=operation.name)
            raise EnvelopeError("an operation is not as its last change left it")
        return operation

    async def open_ones(self) -> AsyncIterator[Operation]:
        """Those to which something may still happen; rows that cannot be believed are left out, with an alarm."""
        async for row in self.collection.find({"is_open": True}).sort("propose_time", DESCENDING):
            if (operation := self._believed(row)) is not None:
                yield operation

    async def page(self, before: tuple[datetime, str] | None, limit: int) -> tuple[list[Operation], tuple[datetime, str] | None]:
        """The newest, or those that follow the one proposed at an instant under an id; and where to go on, None at the end.

        Rows that cannot be believed are left out, with an alarm: the others must still be seen.
        """
        wanted: dict[str, Any] = {}
        if before is not None:
            time, row_id = before
            wanted = {"$or": [{"propose_time": {"$lt": time}}, {"propose_time": time, "_id": {"$lt": row_id}}]}
        newest = [("propose_time", DESCENDING), ("_id", DESCENDING)]
        rows = [row async for row in self.collection.find(wanted).sort(newest).limit(limit)]
        believed = [operation for row in rows if (operation := self._believed(row)) is not None]
        return believed, (rows[-1]["propose_time"], rows[-1]["_id"]) if len(rows) == limit else None

    def _row(self, operation: Operation) -> dict[str, Any]:
        values = asdict(operation)
        reason = self._sealer.seal(operation.reason.encode(), _context(operation.id))
        is_open = operation.state in {State.PROPOSED, State.APPROVED}
        row = {"_id": values.pop("id"), **values, "state": operation.state.value, "is_open": is_open}
        # The seal covers the reason as it was given; it is stored encrypted.
        return {**self._seals.sealed(row), "reason": reason}

    def _believed(self, row: Mapping[str, Any]) -> Operation | None:
        try:
            return self._opened(row)
        except EnvelopeError:
            return None

    def _is_news(self, operation_id: str) -> bool:
        """Whether this process has not raised the alarm of an operation yet: whoever looks again says nothing new."""
        is_news = operation_id not in self._alarmed
        self._alarmed.add(operation_id)
        return is_news

    def _opened(self, row: Mapping[str, Any]) -> Operation:
        clear = self._whole(row)
        if clear is None:
            if self._is_news(str(row["_id"])):
                _log.error("operation.seal_broken", operation=f"operations/{row['_id']}")
            raise EnvelopeError("an operation is not as it was sealed")
        known = {field.name for field in fields(Operation)}
        values = {name: value for name, value in clear.items() if name in known}
        return Operation(**{**values, "id": row["_id"], "state": State(row["state"])})

    def _whole(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """The row with its reason in clear; None unless it is as it was sealed."""
        try:
            clear = {**row, "reason": self._sealer.unseal(row["reason"], _context(row["_id"])).decode()}
        except (EnvelopeError, KeyError, TypeError):
            return None
        return clear if self._seals.is_whole(clear) else None


def _context(operation_id: str) -> Context:
    return Context(COLLECTION, "reason", item=operation_id)
