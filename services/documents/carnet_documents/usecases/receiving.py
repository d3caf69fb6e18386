"""Receiving the bytes of a deposit: counted, bounded, and nothing kept of what does not arrive whole.

The bytes in hand of all deposits together are bounded as well, so that memory does not grow with the number of senders.
"""

from collections.abc import AsyncIterator

from carnet_documents.domain.rules import RuleBroken
from carnet_documents.usecases.refusals import too_many_uploads


class Receiving:
    """Takes bytes in. ``limit`` is per document, ``budget`` for all at once, both in bytes."""

    def __init__(self, limit: int, budget: int) -> None:
        self._limit = limit
        self._budget = budget
        self._in_hand = 0

    def check_size(self, announced: int) -> None:
        """Raise ``RuleBroken`` for a size that can never be taken."""
        if announced <= 0:
            raise RuleBroken("DOCUMENT_EMPTY", "must be more than 0", "header.size")
        if announced > self._limit:
            raise RuleBroken("DOCUMENT_TOO_LARGE", f"must be at most {self._limit} bytes", "header.size")

    async def receive(self, parts: AsyncIterator[bytes], announced: int) -> bytes:
        """Exactly ``announced`` bytes. Raises ``RuleBroken`` when fewer or more come, ``ResourceExhausted`` over the budget."""
        self.check_size(announced)
        if self._in_hand + announced > self._budget:
            raise too_many_uploads()
        self._in_hand += announced
        try:
            return await _collected(parts, announced)
        finally:
            self._in_hand -= announced


async def _collected(parts: AsyncIterator[bytes], announced: int) -> bytes:
    received: list[bytes] = []
    count = 0
    async for part in parts:
        count += len(part)
        if count > announced:
            raise RuleBroken("INVALID_FIELD", "more bytes came than were announced", "header.size")
        received.append(part)
    if count < announced:
        raise RuleBroken("DOCUMENT_INCOMPLETE", "the stream ended before the announced size was reached", "header.size")
    return b"".join(received)
