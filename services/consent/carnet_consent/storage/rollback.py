"""Notices a record that somebody set back to an earlier state, seal and all (trial C8).

Every change stored its event under the record's next revision. So a record older than its last event was rolled back, by hand or by a
restore: it is denied from then on, until the operator has replayed what is missing. Looked for among the records that decisions were
taken about, those first that have waited longest, every few seconds and away from the path of decisions; a change always looks for
itself (`usecases/change.py`).
"""

from datetime import timedelta
from itertools import islice

import structlog
from carnet_platform.changes import ChangeLog

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.decision import Unreadable
from carnet_consent.storage.records import Records
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

    def __init__(self, records: Records, log: ChangeLog, every: timedelta) -> None:
        self._records, self._log, self._every = records, log, every
        self._seen: dict[str, int] = {}
        self._behind: dict[str, int] = {}

    def trusted(self, consent: Consent | Unreadable | None) -> Consent | Unreadable | None:
        """The consent as read, or Unreadable once it is known to be older than its last event; it is looked at in the next round."""
        if not isinstance(consent, Consent):
            return consent
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
        waiting = iter(list(islice(self._seen, MOST_WATCHED)))
        while records := list(islice(waiting, AT_ONCE)):
            revisions = {record: self._seen.pop(record) for record in records}
            for record, last in (await self._log.later_revisions(revisions)).items():
                # A record that has rightly moved on meanwhile is at its last event when it is read again.
                if await self._stored_revision(record) < last:
                    self._behind[record] = last
                    _log.error("record.rolled_back", record=record, last_revision=last)

    async def _stored_revision(self, record: str) -> int:
        found = await self._records.collection.find_one({"_id": record}, {"revision": 1})
        return int(found["revision"]) if found is not None else 0
