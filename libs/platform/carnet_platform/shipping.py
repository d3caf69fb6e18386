"""Brings what this service recorded to the log, sooner or later, in order, all of it.

Decides what is sent when: this process's stream as it grows and a sign of life each second; the streams of processes that died,
which are shipped as they are and abandoned once the log has all of them and they have been silent for a minute (only an owner
closes a stream); the changes, in order of revision for each subject. Promises to survive a log that is gone, hung, or that has
forgotten: it backs off, gives each send five seconds, and sends again from the number the log names. Sending twice is harmless.
Batches are bounded: 100 batches, 512 changes, 2 MiB. Knows no contract: it is given a Sender.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final, Protocol, TypeVar

import structlog

from carnet_platform.changes import ChangeLog, ShippedChange
from carnet_platform.clock import Clock
from carnet_platform.errors import Unavailable
from carnet_platform.journal import Journal, JournalBatch, Stream
from carnet_platform.journal.store import BatchStore
from carnet_platform.mongo import raise_if_cancelled
from carnet_platform.telemetry.origins import Origins
from carnet_platform.telemetry.steps import following

MAX_BATCHES: Final = 100
MAX_CHANGES: Final = 512
SMALLEST_PAGE: Final = 8
"""Changes in one send: doubled after each that arrived, halved after each that did not in time."""
BEAT: Final = timedelta(seconds=1)
"""Between two signs of life of a stream."""
GATHER: Final = timedelta(milliseconds=200)
"""Left between two sends of a busy stream, so that one send carries many commits; what comes after a silence is sent at once."""
CHANGES_EVERY: Final = timedelta(seconds=1)
"""Between two looks for changes that other processes made, and did not ship themselves."""
ORPHANS_EVERY: Final = timedelta(seconds=5)
SEND_TIME: Final = timedelta(seconds=5)
"""After this a log that does not answer counts as hung."""
FIRST_PAUSE: Final = timedelta(milliseconds=100)
LONGEST_PAUSE: Final = timedelta(seconds=2)
"""Bounds of the pause after a failure; it doubles."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class SequenceGapError(Exception):
    """The log lacks events before those sent: it expects number `expected` next."""

    def __init__(self, expected: int) -> None:
        super().__init__(expected)
        self.expected = expected


class SequenceConflictError(Exception):
    """The log holds another event at that number: the writer is fenced."""


class MissingBatchesError(Exception):
    """The log expects events that the store no longer has: for people to look into."""


class Sender(Protocol):
    """How things reach the log; implemented over the contract of the log, which the platform does not know.

    Each method may fail in any way; `send_batches` raises SequenceGapError and SequenceConflictError for what they say.
    """

    async def register(self, stream: str, public_key: bytes) -> int:
        """Make a stream known; return the number the log expects next. Repeatable."""
        ...

    async def send_batches(self, stream: str, batches: Sequence[JournalBatch]) -> int:
        """Send batches of one stream, in order (none: a sign of life); return the number the log expects next."""
        ...

    async def send_changes(self, changes: Sequence[ShippedChange]) -> None:
        """Send changes, in order for each subject."""
        ...


class StreamShipper:
    """Ships one stream, remembering how far the log has it."""

    def __init__(
        self, stream: Stream, store: BatchStore, sender: Sender, send_time: timedelta = SEND_TIME, origins: Origins[int] | None = None
    ) -> None:
        """Take what is to be shipped; `origins` are those of its events, where this process appended them."""
        self._stream, self._store, self._sender, self._send_time = stream, store, sender, send_time
        self._origins = Origins[int]() if origins is None else origins
        self._next_seq: int | None = None
        self._sent_to = 0
        self.is_closed = False
        """Whether the log has the batch that closes the stream."""

    async def ship(self) -> int:
        """Ship what the store has next, at most 100 batches; return how many were tried, 0 when the log has all."""
        name = self._stream.stream
        if self._next_seq is None:
            self._next_seq = await _in_time(self._sender.register(name, self._stream.public_key), self._send_time)
            await self._store.mark_shipped(name, (), self._next_seq)
        if self.is_closed:
            return 0
        start = await self._start(self._next_seq)
        batches = await self._store.read(name, start, MAX_BATCHES)
        if not batches and start >= self._sent_to:
            return 0
        if not batches or batches[0].first_seq != start:
            raise MissingBatchesError(name)
        numbers = range(batches[0].first_seq, batches[-1].next_seq)
        with following("ship events", self._origins.of(numbers)):
            await self._send(batches)
        self._origins.forget(numbers)
        return len(batches)

    async def beat(self) -> None:
        """Tell the log that the stream lives."""
        if self._next_seq is not None and not self.is_closed:
            await self._send(())

    async def _start(self, next_seq: int) -> int:
        if next_seq == self._sent_to:
            return next_seq
        # The log may name a number inside a batch; batches are only sent whole.
        return await self._store.start_of_batch_with(self._stream.stream, next_seq)

    async def _send(self, batches: Sequence[JournalBatch]) -> None:
        name = self._stream.stream
        expected, self._next_seq = self._next_seq, None  # unless the log answers, what arrived is not known: ask again
        try:
            self._next_seq = await _in_time(self._sender.send_batches(name, batches), self._send_time)
        except SequenceGapError as gap:
            if gap.expected == expected:
                raise  # it was sent just that: sending it again at once would go on for ever
            _log.warning("shipping.gap", stream=name, expected=gap.expected)
            self._next_seq = gap.expected
            return
        if batches:
            self._sent_to = batches[-1].next_seq
            self.is_closed = batches[-1].closing and self._next_seq >= batches[-1].first_seq
            await self._store.mark_shipped(name, batches, self._next_seq)


class Shipper:
    """Ships for one process: its own stream, orphans, changes."""

    def __init__(
        self, journal: Journal, changes: ChangeLog | None, sender: Sender, clock: Clock, *, send_time: timedelta = SEND_TIME
    ) -> None:
        """Take what is to be shipped; `changes` is None for a service that has none."""
        self._journal, self._changes, self._sender, self._clock, self._send_time = journal, changes, sender, clock, send_time
        self._own = StreamShipper(journal.stream, journal.store, sender, send_time, journal.origins)
        self._own_turn = asyncio.Lock()
        self._beaten = 0.0
        self._place = ""
        self._page = MAX_CHANGES

    async def run(self) -> None:
        """Ship until cancelled. No failure of log or store ends it."""
        jobs = {"own": self._ship_own, "presence": self._show_presence, "orphans": self._watch_for_orphans}
        if self._changes is not None:
            jobs["changes"] = self._ship_changes
        async with asyncio.TaskGroup() as group:
            for what, job in jobs.items():
                group.create_task(self._repeat(what, job), name=f"shipping-{what}")

    async def drain(self, patience: timedelta = timedelta(seconds=2)) -> bool:
        """Ship the rest of the own stream, after the journal was closed; False when it could not be done in that time.

        What is left is shipped by another process of the service.
        """
        try:
            async with asyncio.timeout(patience.total_seconds()):
                while True:
                    async with self._own_turn:
                        if not await self._own.ship():
                            break
        except Exception as error:  # noqa: BLE001  whatever it is, the process is stopping and others will ship it
            _log.warning("shipping.left", stream=self._journal.stream.stream, error=type(error).__name__)
        return self._own.is_closed

    async def _repeat(self, what: str, ship: Callable[[], Awaitable[None]]) -> None:
        pause = FIRST_PAUSE
        while True:
            raise_if_cancelled()
            try:
                await ship()
                pause = FIRST_PAUSE
            except SequenceConflictError:
                self._journal.fence()
            except Exception as error:  # noqa: BLE001  whatever the log or store answers, shipping goes on
                _log.warning("shipping.failed", what=what, error=type(error).__name__, pause=pause.total_seconds())
                await asyncio.sleep(pause.total_seconds())
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _ship_own(self) -> None:
        grown = self._journal.grown
        grown.clear()
        async with self._own_turn:
            while await self._own.ship() == MAX_BATCHES:
                await self._beat()
            await self._beat()
        await asyncio.sleep(GATHER.total_seconds())
        await _wait(grown, BEAT)

    async def _beat(self) -> None:
        now = self._clock.boottime()
        if now - self._beaten >= BEAT.total_seconds() / 2:
            await self._own.beat()
            self._beaten = now

    async def _show_presence(self) -> None:
        """Tell the other processes, through the store, that this one lives: also while the log does not answer."""
        await self._journal.streams.beat(self._journal.stream.stream)
        await asyncio.sleep(BEAT.total_seconds())

    async def _watch_for_orphans(self) -> None:
        await self.ship_orphans()
        raise_if_cancelled()
        await asyncio.sleep(ORPHANS_EVERY.total_seconds())

    async def ship_orphans(self) -> None:
        """Ship, once, what processes that died have left."""
        unshipped = await self._journal.store.unshipped_streams()
        for orphan in await self._journal.streams.orphans(unshipped, self._journal.stream.stream):
            try:
                await self._ship_orphan(orphan)
            except Exception as error:  # noqa: BLE001  one stream that cannot be shipped holds up no other
                _log.error("shipping.orphan_failed", stream=orphan.stream, error=type(error).__name__)

    async def _ship_orphan(self, orphan: Stream) -> None:
        shipper = StreamShipper(orphan, self._journal.store, self._sender, self._send_time)
        while await shipper.ship():
            pass
        if shipper.is_closed:
            await self._journal.streams.close(orphan.stream)  # its owner died between its closing batch and saying so
        elif await self._journal.streams.abandon(orphan.stream):
            _log.warning("shipping.abandoned", stream=orphan.stream)

    async def _ship_changes(self) -> None:
        if self._changes is None:
            return
        self._changes.grown.clear()
        changes, place = await self._changes.unshipped(self._place, self._page)
        if changes:
            try:
                await self._send_changes(self._changes, changes)
            except (Unavailable, OSError):
                # A page too large for the log's time would be too large for ever.
                self._page = max(SMALLEST_PAGE, self._page // 2)
                raise
            except Exception as error:  # noqa: BLE001  the log refuses something in this page: find it, and let the others pass
                _log.warning("shipping.one_by_one", error=type(error).__name__)
                await self._send_subject_by_subject(self._changes, changes)
        # Going on from the last place, and round again at the end: no subject waits for a busy one.
        self._page = min(MAX_CHANGES, 2 * self._page)
        self._place = place
        if not place:
            await asyncio.sleep(GATHER.total_seconds())
            await _wait(self._changes.grown, CHANGES_EVERY)

    async def _send_changes(self, log: ChangeLog, changes: Sequence[ShippedChange]) -> None:
        names = [(change.subject, change.revision) for change in changes]
        with following("ship changes", log.origins.of(names)):
            await _in_time(self._sender.send_changes(changes), self._send_time)
            await log.mark_shipped(changes)
        log.origins.forget(names)

    async def _send_subject_by_subject(self, log: ChangeLog, changes: Sequence[ShippedChange]) -> None:
        for subject, several in groupby(changes, key=attrgetter("subject")):
            try:
                await self._send_changes(log, list(several))
            except (Unavailable, OSError):
                raise
            except Exception as error:  # noqa: BLE001  it stays unshipped, is tried again next round, and the log will miss its revision
                _log.error("shipping.subject_refused", subject=subject, error=type(error).__name__)


async def _in_time(sending: Awaitable[T], time: timedelta) -> T:
    async with asyncio.timeout(time.total_seconds()):
        return await sending


async def _wait(event: asyncio.Event, most: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(most.total_seconds()):
            await event.wait()
