"""Changes of a service's subjects, each recorded in the transaction that makes it.

Promises one contiguous revision a subject, beginning with 1: the event and the change it tells of are stored together or not at
all, and the last revision known elsewhere shows a store that was rolled back. A revision taken by a concurrent change makes the
transaction run again. Events are sealed at rest.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pymongo import ASCENDING, DESCENDING, IndexModel

from carnet_platform.envelope import Context, EnvelopeError, join_parts, split_parts
from carnet_platform.journal.batch import SealedEvent
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Database, Session, conflict, ensure_collection, raising_on_duplicates
from carnet_platform.telemetry.origins import Origins
from carnet_platform.telemetry.steps import present

MAX_READ_BYTES: Final = 2 << 20
_log = structlog.get_logger(__name__)

_REVISION_DIGITS: Final = 12
_SUBJECT: Final = re.compile(r"[A-Za-z]+/[A-Za-z0-9_.~-]{1,64}")
_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "subject", "revision", "event", "shipped"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string"},
            "subject": {"bsonType": "string"},
            "revision": {"bsonType": ["int", "long"], "minimum": 1},
            "event": {"bsonType": "binData"},
            "shipped": {"bsonType": "bool"},
        },
    }
}


@dataclass(frozen=True, slots=True)
class ShippedChange:
    """One change of one subject, as it travels to the log."""

    subject: str
    revision: int
    event: SealedEvent


class ChangeLog:
    """Collection `changes`."""

    def __init__(self, collection: Collection, sealer: Sealer) -> None:
        self._changes = collection
        self._sealer = sealer
        self.grown: Final = asyncio.Event()
        """Set when something was appended, perhaps in a transaction not yet committed; for the shipper."""
        self.origins: Final[Origins[tuple[str, int]]] = Origins()
        """Which sampled calls of this process caused the changes, by subject and revision, for the shipper."""

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> "ChangeLog":
        """Make the collection if it is not there."""
        unshipped = IndexModel([("shipped", ASCENDING), ("_id", ASCENDING)], name="unshipped", partialFilterExpression={"shipped": False})
        collection = await ensure_collection(database, "changes", validator=_VALIDATOR, indexes=[unshipped])
        return cls(collection, Sealer(keys, "changes"))

    async def append(self, session: Session, subject: str, payload: bytes, *, revision: int | None = None) -> int:
        """Record a change inside the caller's transaction; return its revision, the one given or the last plus one.

        `subject` is `<kind>/<id>`. Raises ValueError for anything else: the log takes no other, so it would never be shipped.
        """
        if revision is None:
            revision = await self.last_revision(subject, session=session) + 1
        await self.append_all(session, [(subject, revision, payload)])
        return revision

    async def append_all(self, session: Session, changes: Sequence[tuple[str, int, bytes]]) -> None:
        """Record some changes, each as its subject, its revision and its payload, in one round trip; as `append` does one."""
        if not all(_SUBJECT.fullmatch(subject) for subject, _, _ in changes):
            raise ValueError("the subject of a change is <kind>/<id>")
        documents = [self._document(*change) for change in changes]
        with raising_on_duplicates(conflict("the revision was taken by a concurrent change")):
            await self._changes.insert_many(documents, session=session)
        for subject, revision, _ in changes:
            self.origins.note((subject, revision), present())
        self.grown.set()

    def _document(self, subject: str, revision: int, payload: bytes) -> dict[str, Any]:
        event = SealedEvent.of(payload)
        return {
            "_id": _id(subject, revision),
            "subject": subject,
            "revision": revision,
            "event": self._sealer.seal(join_parts(event.salt, event.payload), _context(subject, revision)),
            "shipped": False,
        }

    async def last_revision(self, subject: str, *, session: Session | None = None) -> int:
        """The revision of the last change of `subject`; 0 when there is none."""
        found = await self._changes.find_one(
            {"_id": {"$gt": _id(subject, 0), "$lt": f"{subject}$"}}, {"revision": 1}, sort=[("_id", DESCENDING)], session=session
        )
        return 0 if found is None else int(found["revision"])

    async def begun(self, subjects: Sequence[str]) -> set[str]:
        """Those of the subjects that have a change."""
        names = [_id(subject, 1) for subject in subjects]
        return {str(found["subject"]) async for found in self._changes.find({"_id": {"$in": names}}, {"subject": 1})}

    async def later_revisions(self, revisions: Mapping[str, int]) -> dict[str, int]:
        """Of these subjects, those that have a change after the revision given, each with the revision of its last."""
        later = [{"_id": {"$gt": _id(subject, revision), "$lt": f"{subject}$"}} for subject, revision in revisions.items()]
        found: dict[str, int] = {}
        if later:
            async for change in self._changes.find({"$or": later}, {"subject": 1, "revision": 1}):
                found[change["subject"]] = max(found.get(change["subject"], 0), change["revision"])
        return found

    async def unshipped(self, after: str, limit: int) -> tuple[list[ShippedChange], str]:
        """Changes still to be shipped whose place follows `after` ("" at first), up to 2 MiB, and where to go on ("": no more).

        Ordered by subject and revision: within a subject none comes before an earlier one.
        """
        changes: list[ShippedChange] = []
        place, size = "", 0
        read = 0
        async for document in self._changes.find({"shipped": False, "_id": {"$gt": after}}).sort("_id", ASCENDING).limit(limit):
            read += 1
            place = document["_id"]
            try:
                changes.append(self._opened(document))
            except EnvelopeError:
                # It stays, and the log will miss its revision; the others must not wait for it.
                _log.error("change.unreadable", subject=document["subject"], revision=document["revision"])
            size += len(document["event"])
            if size > MAX_READ_BYTES:
                return changes, place
        return changes, place if read == limit else ""

    async def mark_shipped(self, changes: Sequence[ShippedChange]) -> None:
        """Mark these as known to the log."""
        names = [_id(change.subject, change.revision) for change in changes]
        await self._changes.update_many({"_id": {"$in": names}}, {"$set": {"shipped": True}})

    def _opened(self, document: dict[str, Any]) -> ShippedChange:
        subject, revision = document["subject"], document["revision"]
        salt, payload = split_parts(self._sealer.unseal(document["event"], _context(subject, revision)))
        return ShippedChange(subject, revision, SealedEvent(salt, payload))


def _id(subject: str, revision: int) -> str:
    # '#' stands in no resource name, so a subject's changes are never mixed with those of a name it begins; '$' comes right after it.
    return f"{subject}#{revision:0{_REVISION_DIGITS}d}"


def _context(subject: str, revision: int) -> Context:
    return Context("changes", "event", subject=subject, version=revision)
