"""How many codes were sent to a mailbox within the last hour, whoever asked for them.

A mailbox is known by a keyed hash alone, and for two hours at most: a copy of the store tells that two requests were for one mailbox, and
neither for which nor from whom. The count is made in the transaction that queues the letter.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from carnet_platform.envelope import mac
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection, Session


class SentCodes:
    """Collection `sent_codes`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._rows = collection
        self._key = keys.derive("contact-mailbox-count")

    async def count(self, session: Session, mailbox: str, now: datetime, *, within: timedelta) -> int:
        """Counts one more, and gives how many there were before it in the time `within` until `now`."""
        row_id = mac(self._key, mailbox.encode()).hex()
        found = await self._rows.find_one({"_id": row_id}, session=session)
        times = [time for time in (found or {}).get("times", []) if now - time < within]
        # One more than any limit is enough to know: a flood does not make the row grow.
        await self._rows.replace_one({"_id": row_id}, {"times": [*times[-999:], now], "counted_from": now}, session=session, upsert=True)
        return len(times)
