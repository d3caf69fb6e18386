"""One sealed document a record, in the collection `records`: the text of its consent, its seal, and four fields to find it by.

The seal is an HMAC under a key derived per record, outside the database, over the very bytes stored. Whoever edits the database cannot
make one: a document whose seal is missing or wrong, whose fields differ from its text, or that stands in another record's place reads
as `Unreadable`, and what is unreadable is denied. There is one way to write, `insert` and `replace`, in a transaction that also holds
the event.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from carnet_platform.envelope import mac
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection, Database, Session, conflict, ensure_collection, raising_on_duplicates

from carnet_consent.domain.consent import Consent, RecordState
from carnet_consent.domain.decision import Unreadable
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.indexes import RECORDS, RECORDS_INDEXES, RECORDS_VALIDATOR
from carnet_consent.storage.instants import micros_of
from carnet_consent.storage.text import from_text, to_text

Document = dict[str, Any]


class Seals:
    """Makes and checks the seals of records."""

    def __init__(self, keys: MasterKeys) -> None:
        self._keys = keys

    def sealed(self, consent: Consent) -> Document:
        """The document to store."""
        text = to_text(consent)
        due = {} if consent.due is None else {"due": micros_of(consent.due)}
        return {
            "_id": consent.record,
            "patient": consent.patient,
            "state": consent.state.value,
            "revision": consent.revision,
            "consent": text,
            "seal": self._seal(consent.record, text),
            **due,
        }

    def opened(self, document: Mapping[str, Any] | None) -> Consent | Unreadable | None:
        """The consent of a stored document; Unreadable unless its seal is right and its fields are those of its text."""
        if document is None:
            return None
        text, seal, record = document.get("consent"), document.get("seal"), document.get("_id")
        if not (isinstance(text, bytes) and isinstance(seal, bytes) and isinstance(record, str)):
            return Unreadable()
        if not hmac.compare_digest(seal, self._seal(record, text)):
            return Unreadable()
        try:
            consent = from_text(text)
        except (ValueError, KeyError, TypeError):  # sealed by a newer version of this service: not readable by this one
            return Unreadable()
        beside = (document.get("patient"), document.get("state"), document.get("revision"), record, document.get("due"))
        due = None if consent.due is None else micros_of(consent.due)
        if consent.state == RecordState.CLOSED and "due" not in document:
            beside = (*beside[:-1], due)  # closed before purges were noted; `note_purges` notes when
        within = (consent.patient, consent.state.value, consent.revision, consent.record, due)
        return consent if beside == within else Unreadable()

    def _seal(self, record: str, text: bytes) -> bytes:
        return mac(self._keys.derive("consent-seal", record), text)


class Records:
    """The collection `records`."""

    def __init__(self, collection: Collection, seals: Seals) -> None:
        self.collection = collection
        self.seals = seals

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> Self:
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, RECORDS, validator=RECORDS_VALIDATOR, indexes=RECORDS_INDEXES), Seals(keys))

    async def name_of(self, patient: str, *, session: Session | None = None) -> tuple[str, bool]:
        """The name of a person's record, and whether it is active: the one that is not destroyed; empty for none.

        The name alone: what the record states is read by its name, sealed.
        """
        kept = {"patient": patient, "state": {"$ne": RecordState.DESTROYED}}
        found = await self.collection.find(kept, {"state": 1}, session=session).sort("state", 1).limit(1).to_list(1)
        return (found[0]["_id"], found[0]["state"] == RecordState.ACTIVE) if found else ("", False)

    async def destroyed_of(self, patient: str) -> str:
        """The name of the record of a person that was destroyed last; empty for none."""
        gone = [self.seals.opened(one) async for one in self.collection.find({"patient": patient, "state": RecordState.DESTROYED})]
        last = max((one for one in gone if isinstance(one, Consent)), key=lambda one: (one.destroyed, one.record), default=None)
        return "" if last is None else last.record

    async def look(self, record: str) -> Consent | Unreadable | None:
        """A record's consent as it is now, for whoever looks again inside a transaction before changing anything."""
        return self.seals.opened(await self.collection.find_one({"_id": record}))

    async def look_at(self, records: Sequence[str]) -> dict[str, Consent | Unreadable | None]:
        """The same for several records, by name."""
        return {str(one["_id"]): self.seals.opened(one) async for one in self.collection.find({"_id": {"$in": list(records)}})}

    async def read(self, session: Session, record: str) -> Consent | Unreadable | None:
        """A record's consent inside a transaction."""
        return self.seals.opened(await self.collection.find_one({"_id": record}, session=session))

    async def insert(self, session: Session, *consents: Consent) -> None:
        """Store new records. RECORD_EXISTS when one of the persons has one."""
        with raising_on_duplicates(RuleBrokenError("RECORD_EXISTS", "The person has a record already, or one is announced.")):
            await self.collection.insert_many([self.seals.sealed(consent) for consent in consents], session=session)

    async def of_persons(self, patients: Sequence[str], records: Sequence[str]) -> dict[str, str]:
        """`patients/{p}` by `records/{r}`, whatever its state: of the records of these persons, and of those of these names."""
        query = {"$or": [{"patient": {"$in": list(patients)}}, {"_id": {"$in": list(records)}}]}
        return {str(one["_id"]): str(one["patient"]) async for one in self.collection.find(query, {"patient": 1})}

    async def note_purges(self) -> int:
        """Note beside each record that was closed before purges were, when it is due; gives how many. Nothing of what it states changes."""
        noted = 0
        async for one in self.collection.find({"state": RecordState.CLOSED, "due": None}):
            consent = self.seals.opened(one)
            if isinstance(consent, Consent) and consent.due is not None:
                still = {"_id": consent.record, "revision": consent.revision}
                noted += (await self.collection.update_one(still, {"$set": {"due": micros_of(consent.due)}})).modified_count
        return noted

    async def due(self, now: datetime, after: tuple[int, str] | None, most: int, *, destroying: bool = False) -> list[tuple[int, str]]:
        """The next records that time changes, the longest waiting first: when each was due, and its name. `after` is the last one seen.

        Those whose destruction goes on, or all the others.
        """
        state = {"$eq" if destroying else "$ne": RecordState.DESTROYING}
        query: Document = {"due": {"$lte": micros_of(now)}, "state": state}
        if after is not None:
            query = {"$and": [query, {"$or": [{"due": {"$gt": after[0]}}, {"due": after[0], "_id": {"$gt": after[1]}}]}]}
        found = self.collection.find(query, {"due": 1}).sort([("due", 1), ("_id", 1)]).limit(most)
        return [(int(one["due"]), str(one["_id"])) async for one in found]

    async def replace(self, session: Session, before: Consent, after: Consent) -> None:
        """Store the next state of a record; a concurrent change makes the transaction run again."""
        replaced = await self.collection.replace_one(
            {"_id": before.record, "revision": before.revision}, self.seals.sealed(after), session=session
        )
        if replaced.matched_count != 1:
            raise conflict("the record was changed meanwhile")
