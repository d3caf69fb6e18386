"""Notices a record that somebody set back to an earlier state, seal and all, or deleted, or whose reviews he deleted (trial C8).

Every change stored its event under the record's next revision. So a record older than its last event was rolled back, by hand or by a
restore: it is denied from then on, until the operator has replayed what is missing. Looked for among the records that decisions were
taken about, those first that have waited longest, every few seconds and away from the path of decisions; a change always looks for
itself (`usecases/change.py`).

A record that was asked for and is not there has no events either, unless it was deleted. Of the emergencies that a record holds each has
a review: which is missing is told, and changes no decision.
"""

from datetime import timedelta
from itertools import islice

import structlog
from carnet_platform.changes import ChangeLog

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.decision import Unreadable
from carnet_consent.storage.records import Records
from carnet_consent.storage.reviews import Reviews, name_of
from carnet_consent.storage.watching import watching

_log = structlog.get_logger(__name__)
MOST_WATCHED = 1000
"""Records looked at in one round."""
AT_ONCE = 200
"""Records in one read: a range of an index each."""
MOST_WAITING = 100_000
"""Records that wait for a round; more are left out until some were looked at."""


class RollbackWatch:
    """Watches the records that this process reads."""

    def __init__(self, records: Records, log: ChangeLog, reviews: Reviews, every: timedelta) -> None:
        self._records, self._log, self._reviews, self._every = records, log, reviews, every
        self._seen: dict[str, int] = {}
        self._missed: dict[str, int] = {}
        """Names under which nothing was found, which may be guessed ones: apart, so that they keep no record from its turn."""
        self._emergencies: dict[str, Consent] = {}
        self._behind: dict[str, int] = {}

    def trusted(self, record: str, consent: Consent | Unreadable | None) -> Consent | Unreadable | None:
        """What was read under a name, or Unreadable once it is known to be older than its last event; it is looked at in the next round."""
        if consent is None and record:
            if record in self._behind:
                return Unreadable()
            if len(self._missed) < MOST_WATCHED:
                self._missed[record] = 0
        if not isinstance(consent, Consent):
            return consent
        if consent.episodes and len(self._emergencies) < MOST_WATCHED:
            self._emergencies[record] = consent
        if consent.revision < self._behind.get(consent.record, 0):
            return Unreadable()
        # A record that waits keeps its turn, whatever is read of it meanwhile; one that was looked at goes behind all that wait.
        if consent.record in self._seen or len(self._seen) < MOST_WAITING:
            self._seen[consent.record] = consent.revision
        return consent

    async def run(self) -> None:
        """Look until cancelled."""
        await watching(self.look, self._every, "rollback_watch.failed")

    async def look(self) -> None:
        """Compare what was read of the records that have waited longest with the last event of each."""
        await self._compare(self._seen)
        await self._compare(self._missed)
        while self._emergencies:
            _, consent = self._emergencies.popitem()
            await self._reviews.check([name_of(consent, episode) for episode in consent.episodes])

    async def _compare(self, read: dict[str, int]) -> None:
        waiting = iter(list(islice(read, MOST_WATCHED)))
        while records := list(islice(waiting, AT_ONCE)):
            revisions = {record: read.pop(record) for record in records}
            for record, last in (await self._log.later_revisions(revisions)).items():
                # A record that has rightly moved on meanwhile is at its last event when it is read again.
                stored = await self._stored_revision(record)
                if (stored is None or stored < last) and self._behind.get(record, 0) < last:
                    self._behind[record] = last
                    if stored is None:
                        _log.error("record.missing", record=record, last_revision=last)
                    else:
                        _log.error("record.rolled_back", record=record, last_revision=last)

    async def _stored_revision(self, record: str) -> int | None:
        found = await self._records.collection.find_one({"_id": record}, {"revision": 1})
        return int(found["revision"]) if found is not None else None
