"""A process's durable, chained stream of events: releases and refusals.

Promises that `append` returns only once the event is durable and in order, that no number is ever used twice or left out, and that
the stream can be proven whole: each batch is chained to the one before and signed by a key that never leaves this process.
Commits in groups without a timer: what queued during one commit becomes the next batch.
Refuses (Unavailable EVENT_NOT_DURABLE) what it cannot make durable in time; such an event may still be stored: an event says
"released or about to be". When another writer owns the stream, it stops the process.
"""

import asyncio
import contextlib
import os
from datetime import timedelta
from typing import Final, NoReturn

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from carnet_platform.calls import current
from carnet_platform.clock import Clock
from carnet_platform.errors import Unavailable
from carnet_platform.identifiers import new_id
from carnet_platform.journal.batch import MAX_BYTES, SealedEvent, make_batch, to_document
from carnet_platform.journal.committer import Committer, FencedError, OutcomeUnknownError
from carnet_platform.journal.queue import EventQueue, Waiting
from carnet_platform.journal.store import BatchStore
from carnet_platform.journal.streams import Stream, Streams
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Database
from carnet_platform.telemetry.origins import Origins
from carnet_platform.telemetry.steps import shared

PATIENCE: Final = timedelta(seconds=2)
"""How long `append` waits when nobody says otherwise."""
EXIT_FENCED: Final = 70
"""Status the process ends with when it was fenced."""

_log = structlog.get_logger(__name__)


class Journal:
    """The stream of this process. Use one a process, opened inside its event loop."""

    def __init__(self, service: str, store: BatchStore, streams: Streams, sealer: Sealer, clock: Clock) -> None:
        """Not for callers: use `open`."""
        self._key = Ed25519PrivateKey.generate()
        self.stream: Final = Stream(new_id(), self._key.public_key().public_bytes_raw())
        self.store: Final = store
        self.streams: Final = streams
        self.grown: Final = asyncio.Event()
        """Set by each commit, for the shipper."""
        self.origins: Final[Origins[int]] = Origins()
        """Which sampled calls caused the events, by number, for the shipper."""
        self._service, self._sealer, self._clock = service, sealer, clock
        self._committer = Committer(store.collection)
        self._queue = EventQueue()
        self._next_seq, self._head = 0, b""
        self._is_stuck = self._is_closing = False
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, database: Database, keys: MasterKeys, clock: Clock, *, service: str) -> "Journal":
        """Begin a new stream of `service` in `database` and start its commit task."""
        sealer = Sealer(keys, "journal")
        journal = cls(service, await BatchStore.open(database, sealer), await Streams.open(database), sealer, clock)
        await journal.streams.begin(journal.stream, service)
        journal._task = asyncio.create_task(journal._run(), name="journal")
        journal._task.add_done_callback(journal._ended)
        return journal

    @property
    def is_stuck(self) -> bool:
        """Whether a batch of unknown outcome waits to be settled: until then every append is refused."""
        return self._is_stuck

    @property
    def next_seq(self) -> int:
        """The number the next event to become durable will have."""
        return self._next_seq

    async def append(self, payload: bytes, timeout: timedelta | None = None) -> int:  # noqa: ASYNC109  the caller's own deadline
        """Make an event durable and return its number.

        Waits `timeout`, or else what the call in hand has left, at most two seconds; then raises Unavailable EVENT_NOT_DURABLE,
        though the event may be stored. `payload` is at most 1 MiB; ValueError above.
        """
        if len(payload) > MAX_BYTES:
            raise ValueError("an event is larger than a batch")
        if self._is_stuck or self._is_closing or self._queue.is_full:
            raise _not_durable()
        try:
            async with asyncio.timeout(self._patience(timeout)):
                return await self._queue.put(payload)
        except TimeoutError:
            raise _not_durable() from None

    async def close(self, patience: timedelta = timedelta(seconds=5)) -> None:
        """Commit what is queued, then the closing batch; gives up after `patience`, leaving the stream open for others to ship."""
        if self._task is None or self._is_closing:
            return
        self._is_closing = True
        self._queue.wake()
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._task
                await self.streams.close(self.stream.stream)
        except TimeoutError:
            _log.warning("journal.left_open", stream=self.stream.stream)
        finally:
            self._task.cancel()
            _refuse(self._queue.drain())
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def fence(self) -> NoReturn:
        """Stop the process at once: another writer owns its stream, so it can record nothing and must release nothing."""
        _log.critical("journal.fenced", stream=self.stream.stream, service=self._service)
        # Not sys.exit: a task's SystemExit would run handlers, and each of them could still hand something over.
        os._exit(EXIT_FENCED)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.critical("journal.failed", stream=self.stream.stream, error=type(error).__name__)
            self.fence()

    def _patience(self, timeout: timedelta | None) -> float:
        if timeout is not None:
            return timeout.total_seconds()
        call = current.get(None)
        if call is None or call.deadline is None:
            return PATIENCE.total_seconds()
        return min(PATIENCE.total_seconds(), call.deadline - self._clock.boottime())

    async def _run(self) -> None:
        while True:
            while batch := self._queue.take():
                await self._commit(batch)
            if self._is_closing:
                await self._commit([])
                return
            await self._queue.wait()

    async def _commit(self, waiting: list[Waiting]) -> None:
        events = [SealedEvent.of(one.payload) for one in waiting]
        batch = make_batch(self.stream.stream, self._next_seq, events, self._head, self._key)
        document = to_document(batch, self._sealer)
        for number, one in enumerate(waiting, batch.first_seq):
            self.origins.note(number, one.step)
        try:
            with shared("shared journal commit", (one.step for one in waiting)):
                await self._committer.commit(document)
        except OutcomeUnknownError as error:
            await self._settle(document, waiting, str(error))
        else:
            for number, one in enumerate(waiting, batch.first_seq):
                if not one.future.done():
                    one.future.set_result(number)
        self._next_seq, self._head = batch.next_seq, batch.head
        self.grown.set()

    async def _settle(self, document: dict[str, object], waiting: list[Waiting], error: str) -> None:
        """Refuse the batch and the queue, take nothing new, and go on only when the store has said where the batch is."""
        self._is_stuck = True
        _log.warning("journal.unknown", batch=document["_id"], events=document["count"], error=error)
        _refuse(waiting)
        _refuse(self._queue.drain())
        try:
            await self._committer.settle(document)
        except FencedError:
            self.fence()
        self._is_stuck = False


def _refuse(waiting: list[Waiting]) -> None:
    for one in waiting:
        if not one.future.done():
            one.future.set_exception(_not_durable())


def _not_durable() -> Unavailable:
    return Unavailable("EVENT_NOT_DURABLE", "what this call does could not be recorded in time", retry_after=timedelta(seconds=1))
