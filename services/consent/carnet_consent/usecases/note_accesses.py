"""Tells of a professional who is let in for the first time, and of a dispatch doctor, away from the path of decisions.

`note` is called by every decision that permits: it looks into a bounded set and awaits nothing. A job stores the notices of what was
noted; the store knows each notice by what it is about, so that every process may note the same. What is lost, because this process dies
or too many wait, the next decision about the same reader notes again: a permit lives for less than a second.

A notice is kept for a year or so (`CARNET_NOTICES_KEPT`): who still reads after that is told of anew.
"""

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from itertools import islice

import structlog
from carnet_platform.clock import Clock
from pymongo.errors import PyMongoError

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.notice import Access, Notice, accesses_told, notices_of_access
from carnet_consent.storage.notices import Notices

_log = structlog.get_logger(__name__)
MOST_KNOWN = 20_000
"""Readers of a record that this process remembers as told; the longest unseen is forgotten, and looked up again when it returns."""
MOST_WAITING = 2_000
AT_ONCE = 50
"""Accesses stored in one round: who reads must not wait behind who is told."""

Key = tuple[str, str, str, str]


class NoteAccesses:
    """Notes accesses, and stores their notices as a background job."""

    def __init__(
        self,
        notices: Notices,
        clock: Clock,
        woken: asyncio.Event,
        every: timedelta,
        *,
        most_known: int = MOST_KNOWN,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._most_known, self._most_waiting = most_known, most_waiting
        self._notices, self._clock, self._woken, self._every = notices, clock, woken, every
        self._known: OrderedDict[Key, None] = OrderedDict()
        self._waiting: dict[Key, tuple[Notice, ...]] = {}

    def note(self, asker: Asker, session: str, consent: Consent, now: datetime) -> None:
        """Note that this user was permitted to read a record. Awaits nothing, and keeps a bounded number."""
        if not asker.is_named_professional or asker.purpose not in accesses_told():
            return
        # Each call about which a dispatch doctor reads is told; of who treats her only the first access.
        key = (consent.record, asker.subject, asker.purpose, session if asker.purpose != "TREATMENT" else "")
        if key in self._known:
            self._known.move_to_end(key)
        elif key not in self._waiting and len(self._waiting) < self._most_waiting:
            self._waiting[key] = notices_of_access(Access(asker.purpose, asker.subject, asker.structure, key[3], now), consent)

    async def run(self) -> None:
        """Store what was noted until cancelled."""
        while True:
            await asyncio.sleep(self._every.total_seconds())
            try:
                await self.store()
            except (PyMongoError, OSError) as error:
                _log.warning("accesses.waiting", kind=type(error).__name__)

    async def store(self) -> None:
        """Store the notices of those that have waited longest."""
        for key, notices in list(islice(self._waiting.items(), AT_ONCE)):
            if await self._notices.add(None, notices, self._clock.now()):
                self._woken.set()
            del self._waiting[key]
            self._known[key] = None
            if len(self._known) > self._most_known:
                self._known.popitem(last=False)
