"""What operators have stopped, until it is resumed: one sealed row, read at each login.

Promises that a row somebody edited, took away or set back to an earlier state lets nobody in: an alarm is raised and every login fails
(EnvelopeError) until an operator looks. The row counts its changes; the log of changes, and each process, know the last count. There are
few stops, so one row holds them all: none can be taken out of it unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final

import structlog
from carnet_platform.changes import ChangeLog
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import Unavailable
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection
from carnet_platform.mongo import Session as StoreSession
from carnet_platform.rows import RowSeals

from carnet_identity.domain.stop import Stop

SUBJECT: Final = "stops/all"
"""Id of the row, and the subject of its changes."""
_log = structlog.get_logger(__name__)


class StopStore:
    """Collection `stops`."""

    def __init__(self, collection: Collection, keys: MasterKeys, changes: ChangeLog) -> None:
        self._stops = collection
        self._seals = RowSeals(keys, SUBJECT)
        self._changes = changes
        self._newest = 0

    async def standing(self) -> frozenset[Stop]:
        """Every stop.

        Raises:
            EnvelopeError: the row cannot be believed.
            Unavailable: the store answered from before its newest state.
        """
        # What is known before asking: another change may come in meanwhile, and then the row is the newer of the two.
        newest, recorded = self._newest, await self._changes.last_revision(SUBJECT)
        revision, stops = self._opened(await self._stops.find_one({"_id": SUBJECT}))
        if revision < recorded:
            _log.error("stops.rolled_back")
            raise EnvelopeError("the stops are older than their last change")
        if revision < newest:
            # Both are of then: a member that was the primary and does not know better, or the whole store was set back.
            _log.warning("stops.behind")
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the store is behind", retry_after=timedelta(seconds=1))
        self._newest = max(revision, self._newest)
        return stops

    async def is_any_stopped(self, names: Iterable[str]) -> bool:
        """Whether any of these names is stopped. Raises as `standing`."""
        return not {stop.target for stop in await self.standing()}.isdisjoint(names)

    async def change(self, session: StoreSession, changed: Callable[[frozenset[Stop]], frozenset[Stop]]) -> int | None:
        """Stores other stops in the caller's transaction; gives the revision that its event must have, None when nothing changes.

        Raises:
            EnvelopeError: the row cannot be believed; nothing is stored over it.
        """
        revision, stops = self._opened(await self._stops.find_one({"_id": SUBJECT}, session=session))
        if await self._changes.last_revision(SUBJECT, session=session) != revision:
            _log.error("stops.rolled_back")
            raise EnvelopeError("the stops are older than their last change")
        wanted = changed(stops)
        if wanted == stops:
            return None
        lines = [f"{stop.target} {stop.operation}" for stop in sorted(wanted)]
        row = self._seals.sealed({"_id": SUBJECT, "revision": revision + 1, "stops": lines})
        await self._stops.replace_one({"_id": SUBJECT}, row, upsert=True, session=session)
        return revision + 1

    def _opened(self, row: dict[str, Any] | None) -> tuple[int, frozenset[Stop]]:
        if row is None:
            return 0, frozenset()
        if not self._seals.is_whole(row):
            _log.error("stops.seal_broken")
            raise EnvelopeError("the stops are not as they were sealed")
        return row["revision"], frozenset(Stop(*line.split(" ")) for line in row["stops"])
