"""Every state a record's consent has had, in the collection `history`: one row a change, written in the transaction of the change.

A row is sealed as a record is: an HMAC over the very bytes, under a key derived per record, outside the database, bound to its place and to
the instant from which it held. Each row names the revision before it, so that the rows of a record are a chain: one that is missing,
edited or put elsewhere is noticed by whoever asks for that time, and answered as `Lost`, never by the next best row.

A row holds from the instant at which the transaction of its change began. Clocks of processes differ by little; where two rows disagree
about the order, their revisions decide. Kept as long as the record and ten years after its closing (domain.md 2, CSP L1111-18), after a
destruction as long as the log (rules.md 16): both are settings, and then all rows of the record are deleted.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from carnet_platform.envelope import mac
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection, Database, Session, conflict, ensure_collection, raising_on_duplicates

from carnet_consent.domain.consent import Consent
from carnet_consent.storage.indexes import HISTORY, HISTORY_INDEXES, HISTORY_VALIDATOR
from carnet_consent.storage.text import from_text, to_text

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS: Final = 12


class Lost:
    """Stands for a state that was not kept, or whose row cannot be believed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One row, as sealed."""

    consent: Consent
    previous: int
    """The revision before it; 0 for the opening of the record."""


class History:
    """The collection `history`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self.collection, self._keys = collection, keys

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys) -> Self:
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, HISTORY, validator=HISTORY_VALIDATOR, indexes=HISTORY_INDEXES), keys)

    async def append(self, session: Session, previous: int, *consents: Consent, now: datetime) -> None:
        """Keep new states inside the transaction that makes them: each follows revision `previous` and holds from `now`."""
        with raising_on_duplicates(conflict("the record was changed meanwhile")):
            await self.collection.insert_many([self._row(previous, consent, _micros(now)) for consent in consents], session=session)

    def _row(self, previous: int, consent: Consent, start: int) -> dict[str, Any]:
        text, name = to_text(consent), _name(consent.record, consent.revision)
        row = {"_id": name, "record": consent.record, "start": start, "previous": previous, "consent": text}
        return {**row, "seal": self._seal(consent.record, name, start, previous, text)}

    async def at(self, record: str, instant: datetime, current: int) -> Consent | Lost | None:
        """What a record stated at an instant; None when it was not opened yet.

        Args:
            record: `records/{r}`, of a record that exists.
            instant: UTC.
            current: the record's present revision, which the last row must have reached.
        """
        until = {"record": record, "start": {"$lte": _micros(instant)}}
        found = await self.collection.find_one(until, sort=[("_id", -1)])
        after = {"record": record} if found is None else {"record": record, "_id": {"$gt": found["_id"]}}
        following = await self.collection.find_one(after, sort=[("_id", 1)])
        kept, then = self._opened(found), self._opened(following)
        if found is None:
            return None if then is not None and then.previous == 0 else Lost()
        if kept is None or (following is not None and then is None):
            return Lost()
        is_chained = then.previous == kept.consent.revision if then is not None else kept.consent.revision >= current
        return kept.consent if is_chained else Lost()

    async def forget(self, session: Session, record: str) -> int:
        """Delete every state of a record, inside a transaction; gives how many there were."""
        return int((await self.collection.delete_many({"record": record}, session=session)).deleted_count)

    def _opened(self, row: Mapping[str, Any] | None) -> Kept | None:
        """A row as it was sealed; None for one that is missing or cannot be believed."""
        if row is None:
            return None
        name, record, start, previous, text = (row.get(key) for key in ("_id", "record", "start", "previous", "consent"))
        if not (isinstance(name, str) and isinstance(record, str) and isinstance(text, bytes) and isinstance(row.get("seal"), bytes)):
            return None
        if not (isinstance(start, int) and isinstance(previous, int)):
            return None
        if not hmac.compare_digest(row["seal"], self._seal(record, name, start, previous, text)):
            return None
        try:
            consent = from_text(text)
        except (ValueError, KeyError, TypeError):  # sealed by a newer version of this service: not readable by this one
            return None
        return Kept(consent, previous) if name == _name(record, consent.revision) and consent.record == record else None

    def _seal(self, record: str, name: str, start: int, previous: int, text: bytes) -> bytes:
        return mac(self._keys.derive("consent-history-seal", record), name.encode(), b"%d" % start, b"%d" % previous, text)


def _name(record: str, revision: int) -> str:
    # '#' stands in no resource name; the digits put the rows of a record in order.
    return f"{record}#{revision:0{_DIGITS}d}"


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
