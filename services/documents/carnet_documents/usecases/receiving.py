"""Receiving the bytes of a deposit: counted, bounded, not too slow, and nothing kept of what does not arrive whole.

Room for the bytes is held from before the first of them until the deposit has ended, kept or refused, so that memory does not grow with
the number of senders. A caller has only a share of the room, and who announces much and sends little loses his place.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from carnet_platform.calls import current_call

from carnet_documents.domain.rules import RuleBroken
from carnet_documents.usecases.refusals import too_many_uploads


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What may be in hand. Sizes in bytes: of one document, of all deposits of this process, of those of one caller's among them.

    The next ``rate`` bytes a second over ``grace``, or what is left, must come within ``grace``.
    """

    document: int
    budget: int
    share: int
    rate: int
    grace: timedelta


class Receiving:
    """Takes bytes in."""

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._in_hand: Counter[str] = Counter()

    def check_size(self, announced: int) -> None:
        """Raise ``RuleBroken`` for a size that can never be taken."""
        if announced <= 0:
            raise RuleBroken("DOCUMENT_EMPTY", "must be more than 0", "header.size")
        if announced > self._limits.document:
            raise RuleBroken("DOCUMENT_TOO_LARGE", f"must be at most {self._limits.document} bytes", "header.size")

    @contextmanager
    def room(self, announced: int) -> Iterator[None]:
        """Room for a deposit of the caller in hand while the block runs. Raises ``RuleBroken``, or ``ResourceExhausted`` without room."""
        self.check_size(announced)
        caller = current_call().caller.name
        # One document has always a place, whatever the settings.
        share, budget = max(self._limits.share, announced), max(self._limits.budget, announced)
        if self._in_hand[caller] + announced > share or self._in_hand.total() + announced > budget:
            raise too_many_uploads()
        self._in_hand[caller] += announced
        try:
            yield
        finally:
            self._in_hand[caller] -= announced
            if not self._in_hand[caller]:
                del self._in_hand[caller]

    async def receive(self, parts: AsyncIterator[bytes], announced: int) -> bytes:
        """Exactly ``announced`` bytes. Raises ``RuleBroken`` when fewer or more come, or too slowly."""
        received: list[bytes] = []
        grace = self._limits.grace.total_seconds()
        loop = asyncio.get_running_loop()
        count, due, until = 0, 0, 0.0
        try:
            while count <= announced:
                if count >= due:
                    due, until = count + max(1, int(self._limits.rate * grace)), loop.time() + grace
                async with asyncio.timeout_at(until):
                    part = await anext(parts, None)
                if part is None:
                    break
                count += len(part)
                received.append(part)
        except TimeoutError:
            raise RuleBroken("DOCUMENT_INCOMPLETE", "the bytes came too slowly", "header.size") from None
        if count > announced:
            raise RuleBroken("INVALID_FIELD", "more bytes came than were announced", "header.size")
        if count < announced:
            raise RuleBroken("DOCUMENT_INCOMPLETE", "the stream ended before the announced size was reached", "header.size")
        return b"".join(received)
