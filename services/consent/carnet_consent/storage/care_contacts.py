"""Care contacts that were presented: each once, and for whom the next opening does not count.

A row is known by an HMAC of structure and `jti`, and found by one of professional, structure and person, so it names nobody. Nothing
here is sealed, as in `openings.py`: whoever can write to the store needs no contact. It is kept for some days by the machine's clock,
which tests do not move: longer than a contact is believed, and than one holds.
"""

from datetime import UTC, datetime
from typing import Self

from carnet_platform.envelope import mac
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection, Database, Session, ensure_collection
from pymongo.errors import DuplicateKeyError

from carnet_consent.domain.care_contact import Contact, replayed
from carnet_consent.storage.indexes import CARE_CONTACTS, CARE_CONTACTS_INDEXES, CARE_CONTACTS_VALIDATOR


class CareContacts:
    """The collection `care_contacts`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._collection, self._key = collection, keys.derive("care-contact")

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> Self:
        """Make the collection if it is not there."""
        made = await ensure_collection(database, CARE_CONTACTS, validator=CARE_CONTACTS_VALIDATOR, indexes=CARE_CONTACTS_INDEXES)
        return cls(made, keys)

    async def note(self, session: Session, contact: Contact, until: datetime) -> None:
        """Note a contact inside a transaction. RuleBrokenError CARE_CONTACT_REPLAYED when it was noted before."""
        row = {
            "_id": self._mac("token", contact.structure, contact.id),
            "pair": self._mac("pair", contact.professional, contact.structure, contact.patient),
            "until": until,
            "time": datetime.now(UTC),
        }
        try:
            await self._collection.insert_one(row, session=session)
        except DuplicateKeyError:
            raise replayed() from None

    async def holds(self, professional: str, structure: str, patient: str, now: datetime) -> bool:
        """Whether a contact of these three was noted and holds now."""
        query = {"pair": self._mac("pair", professional, structure, patient), "until": {"$gt": now}}
        return await self._collection.find_one(query, {"_id": 1}) is not None

    def _mac(self, *parts: str) -> str:
        return mac(self._key, *(part.encode() for part in parts)).hex()
