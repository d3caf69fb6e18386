"""Finding documents under a permit, and showing them: what every answer with an entry in it shares.

What is found is believed only when its seal holds and no newer version of it is known. The rest is as good as absent, an alarm, and an
event. The newest versions are read beside each find, the record's key beside the first of a permit; both are kept on it, and it ends
before a withdrawal is acknowledged, so what was written later than they were read is never released by an old one.
"""

import asyncio
from collections.abc import Awaitable

from carnet_platform.clock import Clock

from carnet_documents.domain.decision import Action
from carnet_documents.storage.documents import Criteria, Documents, Listing, rolled_back
from carnet_documents.storage.stored import Broken, Found, Opened
from carnet_documents.storage.versions import Newest
from carnet_documents.usecases.decisions import HeldPermit
from carnet_documents.usecases.releasing import Releases, told_of
from carnet_documents.usecases.shown import Shown, show


class Showing:
    """Finds, shows, announces."""

    def __init__(self, documents: Documents, releases: Releases, clock: Clock) -> None:
        self._documents = documents
        self._releases = releases
        self._clock = clock

    async def find(self, record: str, document: str, held: HeldPermit, *, with_content: bool = False) -> Found | None:
        """A document that passes the permit's filter; ``None`` when it is absent, hidden or not to be believed."""

        async def look() -> Found | Broken | None:
            found, held.newest = await self._documents.find_with_newest(
                record, document, held.allowed.terms, self._clock.now(), with_content=with_content
            )
            return found

        found = await look() if held.record_key is not None else (await asyncio.gather(look(), self._releases.key(held, record)))[0]
        if isinstance(found, Found) and not _newest(held).is_current(found.placement):
            # Perhaps read just before a change, and the newest versions just after it: this time one after the other.
            held.newest = await self._documents.versions.read(record)
            found = await look()
            if isinstance(found, Found) and not _newest(held).is_current(found.placement):
                found = rolled_back(found)
        if isinstance(found, Broken):
            await self._releases.distrust(found, held)
            return None
        return found

    async def page(self, record: str, criteria: Criteria, held: HeldPermit) -> Listing:
        """A page of documents that pass the permit's filter; each broken one has its event."""

        def look() -> Awaitable[Listing]:
            return self._documents.search(record, held.allowed.terms, self._clock.now(), criteria)

        if _is_complete(held):
            listing = await look()
        else:
            versions = self._documents.versions.read(record)
            listing, held.newest, _ = await asyncio.gather(look(), versions, self._releases.key(held, record))
        if not all(_newest(held).is_current(one.placement) for one in listing.found):
            held.newest = await self._documents.versions.read(record)
            listing = await look()
        old = [one for one in listing.found if not _newest(held).is_current(one.placement)]
        broken = (*listing.broken, *(rolled_back(one) for one in old))
        for one in broken:
            await self._releases.distrust(one, held)
        return Listing(tuple(one for one in listing.found if one not in old), broken, listing.follows)

    async def shown(self, opened: list[Opened], held: HeldPermit) -> list[Shown]:
        """The documents, of one record, as they stand now."""
        now = self._clock.now()
        placements = [one.placement for one in opened]
        successors = await self._documents.successors(placements, held.allowed.terms, now, _newest(held))
        return [show(one.placement, one.entry, now, self._documents.blinding, successors=successors) for one in opened]

    async def announce(self, kind: str, opened: Opened, held: HeldPermit, action: Action = Action.READ) -> None:
        """Return once the event is durable and what follows is sent under the permit."""
        placement = opened.placement

        async def still_holds(renewed: HeldPermit) -> bool:
            return await self.find(placement.record, placement.document, renewed) is not None

        told = told_of(placement, opened.entry, self._clock.now())
        # 5. The event is durable before the first byte.
        await self._releases.announce(kind, told, held)
        # 6. What follows is sent under the permit.
        self._releases.release(told, held, still_holds, action)


def _is_complete(held: HeldPermit) -> bool:
    return held.newest is not None and held.record_key is not None


def _newest(held: HeldPermit) -> Newest:
    return held.newest or Newest(None)
