"""To whom records grant something: what TD0.4 finds records by, kept beside them, in step with each change (`follow`).

A row tells nobody but who has the keys whom it is about and which record it stands for: the grantee is an HMAC, the record is encrypted.
It only says where to look; what is told comes from the record's own sealed text, read after it. So a row that is made up opens nothing,
and one that is missing hides a record from this list alone. docs/threat-model.md says what rows give away.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

import structlog
from carnet.audit.v1.event_pb2 import Event
from carnet_platform.clock import Clock
from carnet_platform.envelope import Context, EnvelopeError, mac
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Database, Session, ensure_collection

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.openable import grantees_in_force
from carnet_consent.storage.indexes import GRANTS, GRANTS_INDEXES, GRANTS_VALIDATOR
from carnet_consent.storage.instants import micros_of

_log = structlog.get_logger(__name__)
GRANTEE_BYTES: Final = 16
Place = tuple[int, bytes]
"""Where a row stands in the list: since when, in microseconds, and its id."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a row says."""

    record: str
    place: Place


class Grants:
    """The collection `grants`."""

    def __init__(self, collection: Collection, keys: MasterKeys, clock: Clock) -> None:
        self._collection, self._clock = collection, clock
        self._key, self._sealer = keys.derive("consent-grants"), Sealer(keys, GRANTS)

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys, clock: Clock) -> Self:
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, GRANTS, validator=GRANTS_VALIDATOR, indexes=GRANTS_INDEXES), keys, clock)

    async def follow(self, session: Session, before: Consent, after: Consent, events: Sequence[Event]) -> None:
        """Keep the rows in step with what a record grants, inside its transaction. A new record comes as its own `before`."""
        del events
        now = self._clock.now()
        held: Mapping[str, datetime] = {} if before is after else grantees_in_force(before, now)
        grants = grantees_in_force(after, now)
        # What ended by itself is not in force before either: its row goes with the next change that names its grantee.
        named = {s.grantee for s in before.statements} | {a.professional for a in before.attending_physicians}
        if gone := [self._id(after.record, grantee) for grantee in sorted(named - grants.keys())]:
            await self._collection.delete_many({"_id": {"$in": gone}}, session=session)
        for grantee, since in grants.items():
            if held.get(grantee) != since:
                row = {"grantee": self._grantee(grantee), "since": micros_of(since), "record": self._sealed(after.record, grantee)}
                await self._collection.replace_one({"_id": self._id(after.record, grantee)}, row, upsert=True, session=session)

    async def some(self, grantees: Sequence[str], after: Place | None, most: int) -> tuple[list[Grant], Place | None]:
        """The next rows about any of these, the newest first; and where the last one stands, None when there are no more."""
        query: dict[str, Any] = {"grantee": {"$in": [self._grantee(one) for one in grantees]}}
        if after is not None:
            query["$or"] = [{"since": {"$lt": after[0]}}, {"since": after[0], "_id": {"$gt": after[1]}}]
        rows = await self._collection.find(query).sort([("since", -1), ("_id", 1)]).limit(most).to_list(most)
        places = [(int(row["since"]), bytes(row["_id"])) for row in rows]
        found = [Grant(record, place) for row, place in zip(rows, places, strict=True) if (record := self._record(row, grantees))]
        return found, places[-1] if len(rows) == most else None

    def _record(self, row: Mapping[str, Any], grantees: Sequence[str]) -> str:
        for grantee in grantees:
            if self._grantee(grantee) != bytes(row["grantee"]):
                continue
            try:
                record = self._sealer.unseal(bytes(row["record"]), _context(grantee)).decode()
            except EnvelopeError:
                break
            if bytes(row["_id"]) == self._id(record, grantee):
                return record
        _log.error("grant.seal_broken")
        return ""

    def _sealed(self, record: str, grantee: str) -> bytes:
        return self._sealer.seal(record.encode(), _context(grantee))

    def _grantee(self, grantee: str) -> bytes:
        return mac(self._key, b"grantee", grantee.encode())[:GRANTEE_BYTES]

    def _id(self, record: str, grantee: str) -> bytes:
        return mac(self._key, b"row", record.encode(), grantee.encode())


def _context(grantee: str) -> Context:
    return Context(GRANTS, "record", subject=grantee)


class GrantTokens:
    """Page tokens: where a page ended, sealed for who asked, so that nobody makes one up or uses another's."""

    def __init__(self, keys: MasterKeys) -> None:
        self._sealer = Sealer(keys, "grant_tokens")

    def seal(self, place: Place, asker: str) -> bytes:
        """The token of the page after this place."""
        return self._sealer.seal(json.dumps([place[0], place[1].hex()]).encode(), Context("grant_tokens", "place", subject=asker))

    def open(self, token: bytes, asker: str) -> Place:
        """The place of a token. Raises EnvelopeError or ValueError for one that was not given to this asker."""
        since, row_id = json.loads(self._sealer.unseal(token, Context("grant_tokens", "place", subject=asker)))
        return int(since), bytes.fromhex(row_id)
