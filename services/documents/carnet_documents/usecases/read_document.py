"""Reading a document, and its entry alone. The steps carry the numbers of the architecture's read path.

Promises that no byte leaves before the event that says so is durable, nor after the permit it is sent under has ended; and that the last
message leaves only when size and hash of the whole are those of the deposit.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from carnet_platform.clock import Clock
from carnet_platform.envelope import EnvelopeError

from carnet_documents.domain.decision import Action
from carnet_documents.storage.chunks import Chunks
from carnet_documents.storage.documents import Documents
from carnet_documents.storage.stored import Found, Opened
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.releasing import Releases
from carnet_documents.usecases.showing import Showing
from carnet_documents.usecases.shown import Shown

MESSAGE_SIZE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """What one message carries: bytes, and in the first one the entry."""

    entry: Shown | None
    content: bytes


class ReadDocument:
    """The entry of a document, then its bytes."""

    def __init__(self, decisions: Decisions, documents: Documents, chunks: Chunks, releases: Releases, clock: Clock) -> None:
        self._decisions = decisions
        self._chunks = chunks
        self._releases = releases
        self._showing = Showing(documents, releases, clock)

    async def entry(self, record: str, document: str) -> Shown:
        """The entry alone. Raises ``Refusal``; NOT_FOUND for what is absent or hidden."""
        held, found = await self._find(record, document, with_content=False)
        opened = await self._releases.open(found, await self._releases.key(held, record), held)
        (shown,) = await self._showing.shown([opened], held)
        await self._showing.announce("document.entry_read", opened, held)
        return shown

    async def content(self, record: str, document: str) -> AsyncIterator[Part]:
        """The bytes in parts of 64 KiB, at least one; the first carries the entry. Raises as ``entry``."""
        # 1. Certificate and token were verified by the interceptors.
        held, found = await self._find(record, document, with_content=True)
        opened = await self._releases.open(found, await self._releases.key(held, record), held)
        content = b"" if opened.chunk_count else await self._inline(opened, found, held)
        (shown,) = await self._showing.shown([opened], held)
        await self._showing.announce("document.read", opened, held)
        # 6. Each part below is handed over by the platform's outermost send, which checks the permit just before.
        entry: Shown | None = shown
        for number in range(max(1, opened.chunk_count)):
            if opened.chunk_count:
                content = await self._chunk(opened, found, held, number)
            for start in range(0, len(content) or 1, MESSAGE_SIZE):
                yield Part(entry, content[start : start + MESSAGE_SIZE])
                entry = None

    async def _find(self, record: str, document: str, *, with_content: bool) -> tuple[HeldPermit, Found]:
        # 2. One decision, and 3. a permit that ends by itself: one in hand serves until it ends.
        held = await self._decisions.permit(record, Action.READ)
        # 4. One find that carries the permit's filter; the key and the newest versions come beside it, once a permit.
        found = await self._showing.find(record, document, held, with_content=with_content)
        if found is None:
            await self._releases.refuse_absent(record, held)
        return held, found

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
