"""Reading a document, and its entry alone. The steps carry the numbers of the architecture's read path.

Promises that no byte leaves before the event that says so is durable, nor after the permit it is sent under has ended.
"""

import asyncio
from collections.abc import AsyncIterator

from carnet_platform.clock import Clock
from carnet_platform.envelope import EnvelopeError

from carnet_documents.domain.decision import Action
from carnet_documents.domain.visibility import hidden_from
from carnet_documents.storage.chunks import Chunks
from carnet_documents.storage.documents import Documents
from carnet_documents.storage.stored import Found, Opened
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.releasing import Releases, Told
from carnet_documents.usecases.shown import Shown, document_name, show

MESSAGE_SIZE = 64 * 1024


class ReadDocument:
    """The entry of a document, then its bytes."""

    def __init__(self, decisions: Decisions, documents: Documents, chunks: Chunks, releases: Releases, clock: Clock) -> None:
        self._decisions = decisions
        self._documents = documents
        self._chunks = chunks
        self._releases = releases
        self._clock = clock

    async def entry(self, record: str, document: str) -> Shown:
        """The entry alone. Raises ``Refusal``; NOT_FOUND for what is absent or hidden."""
        held, found = await self._find(record, document, with_content=False)
        opened = await self._releases.open(found, await self._releases.key(held, record), held)
        shown = await self._shown(opened, held)
        await self._announce("document.entry_read", opened, held)
        return shown

    async def content(self, record: str, document: str) -> AsyncIterator[Shown | bytes]:
        """The entry, then the bytes in parts of 64 KiB. Raises as ``entry``."""
        # 1. Certificate and token were verified by the interceptors.
        held, found = await self._find(record, document, with_content=True)
        opened = await self._releases.open(found, await self._releases.key(held, record), held)
        content = b"" if opened.chunk_count else await self._inline(opened, found, held)
        shown = await self._shown(opened, held)
        await self._announce("document.read", opened, held)
        yield shown
        # 6. Each part below is handed over by the platform's outermost send, which checks the permit just before.
        for start in range(0, len(content), MESSAGE_SIZE):
            yield content[start : start + MESSAGE_SIZE]
        for number in range(opened.chunk_count):
            part = await self._chunk(opened, found, held, number)
            for start in range(0, len(part), MESSAGE_SIZE):
                yield part[start : start + MESSAGE_SIZE]

    async def _find(self, record: str, document: str, *, with_content: bool) -> tuple[HeldPermit, Found]:
        # 2. One decision, and 3. a permit that ends by itself: one in hand serves until it ends.
        held = await self._decisions.permit(record, Action.READ)
        # 4. One find that carries the permit's filter; the key comes beside it, once a permit.
        now = self._clock.now()
        finding = self._documents.find(record, document, held.allowed.terms, now, with_content=with_content)
        if held.record_key is None:
            found, _ = await asyncio.gather(finding, self._releases.key(held, record))
        else:
            found = await finding
        if found is None:
            await self._releases.refuse_absent(record, held)
        return held, found

    async def _shown(self, opened: Opened, held: HeldPermit) -> Shown:
        now = self._clock.now()
        successors = await self._documents.successors([opened.placement], held.allowed.terms, now)
        return show(opened.placement, opened.entry, now, self._documents.blinding, successors=successors)

    async def _announce(self, kind: str, opened: Opened, held: HeldPermit) -> None:
        placement, entry = opened.placement, opened.entry
        told = Told(
            record=placement.record,
            document=document_name(placement.record, placement.document),
            title=entry.title,
            type_code=entry.type.code,
            hidden_from=hidden_from(placement.labels(self._clock.now())),
        )

        async def still_holds(renewed: HeldPermit) -> bool:
            terms = renewed.allowed.terms
            return await self._documents.find(placement.record, placement.document, terms, self._clock.now()) is not None

        # 5. The event is durable before the first byte.
        await self._releases.announce(kind, told, held)
        # 6. What follows is sent under the permit.
        self._releases.release(told, held, still_holds)

    async def _inline(self, opened: Opened, found: Found, held: HeldPermit) -> bytes:
        try:
            return opened.content()
        except EnvelopeError:
            await self._releases.unreadable(found, held)
            raise

    async def _chunk(self, opened: Opened, found: Found, held: HeldPermit, number: int) -> bytes:
        sealed = await self._chunks.read(opened.placement.document, number)
        try:
            # A chunk that is missing opens as little as one that was changed.
            return opened.chunk(number, sealed or b"")
        except EnvelopeError:
            await self._releases.unreadable(found, held)
            raise
