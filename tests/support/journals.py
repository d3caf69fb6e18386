"""What the tests of journal, changes and shipping share: keys, the stored batches read back, and a log to ship to."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from carnet_platform.changes import ShippedChange
from carnet_platform.clock import SystemClock
from carnet_platform.envelope import new_key
from carnet_platform.errors import InvalidArgument
from carnet_platform.journal import Journal, JournalBatch
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Database
from carnet_platform.shipping import SequenceConflictError, SequenceGapError


def some_keys() -> MasterKeys:
    """Master keys of one test."""
    return MasterKeys({"2026-01-31": new_key()}, new_key())


async def open_journal(store: Database, keys: MasterKeys) -> Journal:
    """A journal in a test's database."""
    return await Journal.open(store, keys, SystemClock(), service="test")


async def whole_stream(journal: Journal, stream: str, public_key: bytes) -> list[JournalBatch]:
    """The stored batches of a stream, in order; AssertionError or BatchError when the chain is broken anywhere."""
    batches: list[JournalBatch] = []
    next_seq, head = 0, b""
    while found := await journal.store.read(stream, next_seq, 100):
        for batch in found:
            batch.check(public_key)
            assert (batch.first_seq, batch.prev_head) == (next_seq, head)
            next_seq, head = batch.next_seq, batch.head
        batches += found
        if batches[-1].closing:
            break
    return batches


class TestLog:
    """A log as strict as the real one: contiguous, chained, signed, idempotent. It can be gone, hung or forgetful."""

    __test__ = False

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.batches: dict[str, list[JournalBatch]] = {}
        self.changes: dict[str, dict[int, ShippedChange]] = {}
        self.sends: list[str] = []
        self.is_gone = self.is_hung = False
        self.refuses = ""
        """A subject whose changes it does not take."""
        self._moved = asyncio.Condition()

    async def register(self, stream: str, public_key: bytes) -> int:
        await self._enter(f"register {stream}")
        self.keys[stream] = public_key
        return self.next_seq(stream)

    async def send_batches(self, stream: str, batches: Sequence[JournalBatch]) -> int:
        await self._enter(f"batches {stream} {len(batches)}")
        for batch in batches:
            self._take(stream, batch)
        await self._told()
        return self.next_seq(stream)

    async def send_changes(self, changes: Sequence[ShippedChange]) -> None:
        await self._enter(f"changes {len(changes)}")
        if self.refuses in {change.subject for change in changes}:
            raise InvalidArgument("INVALID_FIELD", "not this one")
        for change in changes:
            known = self.changes.setdefault(change.subject, {})
            assert change.revision in known or change.revision == len(known) + 1, "out of order"
            known[change.revision] = change
        await self._told()

    def next_seq(self, stream: str) -> int:
        kept = self.batches.get(stream)
        return kept[-1].next_seq if kept else 0

    def forget(self, stream: str, batches: int) -> None:
        """Lose the last batches of a stream, as a restored backup has."""
        del self.batches[stream][-batches:]

    def payloads(self, stream: str) -> list[bytes]:
        return [event.payload for batch in self.batches.get(stream, []) for event in batch.events]

    async def until(self, condition: Callable[[], bool], patience: timedelta = timedelta(seconds=10)) -> None:
        """Wait until `condition()` holds after something arrived."""
        async with asyncio.timeout(patience.total_seconds()), self._moved:
            await self._moved.wait_for(condition)

    def _take(self, stream: str, batch: JournalBatch) -> None:
        batch.check(self.keys[stream])
        kept = self.batches.setdefault(stream, [])
        known = next((one for one in kept if one.first_seq == batch.first_seq and one.closing == batch.closing), None)
        if known is not None:
            if known.head != batch.head:
                raise SequenceConflictError
        elif batch.first_seq != self.next_seq(stream) or batch.prev_head != (kept[-1].head if kept else b""):
            raise SequenceGapError(self.next_seq(stream))
        else:
            kept.append(batch)

    async def _enter(self, what: str) -> None:
        self.sends.append(what)
        await self._told()
        if self.is_hung:
            await asyncio.Event().wait()
        if self.is_gone:
            raise ConnectionError("the log is gone")

    async def _told(self) -> None:
        async with self._moved:
            self._moved.notify_all()
