"""The sequencer: makes the log out of what was taken in, and signs checkpoints.

One at a time for a shard: each process waits until the present holder has given no sign of life for a while (on the waiter's own
boot-time clock, so that no two clocks are compared), then begins the next term. Every write filters on the term; a sequencer whose
term is over learns it from its next write, drops what it has in hand and waits again. Whatever moment it is killed at, the store
holds whole batches only, and the next one goes on from there. A checkpoint is persisted before it is signed, so that a signed one
is never lost; one found unsigned is signed as it is, if it is this log's at its size, and otherwise raises the alarm.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta

import structlog
from carnet_platform.clock import Clock
from carnet_platform.telemetry.steps import MOST_LINKS, Origin, following, present
from carnet_verify.checkpoint import Checkpoint, open_checkpoint, parse_body
from carnet_verify.note import NoteError, Signer
from carnet_verify.tree import Frontier
from pymongo.errors import PyMongoError

from carnet_audit.storage.log import FREE, FencedError, LogStore, Term
from carnet_audit.storage.seals import DamagedLogError

BATCH = 500
"""Most events integrated in one transaction."""
BEAT = timedelta(milliseconds=500)
"""Least time between two signs of life of a holder; must be far below every process's patience."""
GATHER = timedelta(milliseconds=200)
"""Left between two integrations, so that one takes in what many sends brought; what comes after a silence is integrated at once."""
PAUSE = timedelta(seconds=1)
"""Between two tries after the store failed, and between two looks at another's term."""

_log = structlog.get_logger(__name__)


class Sequencer:
    """Sequences one shard whenever it is this process's turn."""

    def __init__(
        self,
        log: LogStore,
        signer: Signer,
        clock: Clock,
        alarm: Callable[..., None],
        *,
        interval: timedelta = timedelta(seconds=1),
        patience: timedelta = timedelta(seconds=5),
    ) -> None:
        """`interval` between checkpoints; `patience` with a holder that gives no sign of life."""
        self._log, self._signer, self._clock, self._alarm = log, signer, clock, alarm
        self._interval, self._patience = interval.total_seconds(), patience.total_seconds()
        self._woken = asyncio.Event()
        self._woken_by: list[Origin] = []

    def wake(self) -> None:
        """Something was taken in."""
        step = present()
        if step is not None and len(self._woken_by) < MOST_LINKS:
            self._woken_by.append(step.origin)
        self._woken.set()

    async def run(self) -> None:
        """Sequence for ever. A damaged log is told and not written to; a store that fails is tried again."""
        while True:
            try:
                await self._take_turn()
            except FencedError:
                _log.warning("sequencer.fenced", shard=self._log.shard)
            except DamagedLogError as error:
                self._alarm("log_damaged", shard=self._log.shard, fault=str(error))
                await asyncio.sleep(10 * PAUSE.total_seconds())
            except PyMongoError as error:
                _log.warning("sequencer.store_failed", shard=self._log.shard, kind=type(error).__name__)
                await asyncio.sleep(PAUSE.total_seconds())

    async def _take_turn(self) -> None:
        term = await self.wait_for_turn()
        try:
            await self.hold(term)
        except asyncio.CancelledError:
            with contextlib.suppress(PyMongoError):
                await self._log.give_up_term(term.term)
            raise

    async def wait_for_turn(self) -> Term:
        """Wait until the holder of the term is silent, begin the next term, and give it."""
        seen, since = await self._log.read_term(), self._clock.boottime()
        while True:
            is_silent = self._clock.boottime() - since >= self._patience
            if (is_silent or seen.beat == FREE) and await self._log.take_term(seen):
                term = await self._log.read_term()
                if term.term == seen.term + 1:
                    _log.info("sequencer.began", shard=term.shard, term=term.term, size=term.size)
                    return term
            await asyncio.sleep(min(PAUSE.total_seconds(), self._patience / 5))
            now = await self._log.read_term()
            if (now.term, now.beat) != (seen.term, seen.beat):
                seen, since = now, self._clock.boottime()

    async def hold(self, term: Term) -> None:
        """Sequence under a term until fenced. Raises FencedError, DamagedLogError, PyMongoError."""
        frontier = await self.resume(term)
        number, signed_size = term.checkpoint, await self._sign_persisted(term)
        published = beaten = 0.0
        while True:
            self._woken.clear()
            causes, self._woken_by = self._woken_by, []
            with following("sequence", causes):
                frontier, is_more = await self.integrate(term, frontier)
            if (frontier.size > signed_size or number == 0) and self._clock.boottime() - published >= self._interval:
                number, signed_size, published = number + 1, frontier.size, self._clock.boottime()
                await self.publish(term, frontier, number)
            if self._clock.boottime() - beaten >= BEAT.total_seconds():
                beaten = self._clock.boottime()
                await self._log.beat(term.term)
            if not is_more:
                await asyncio.sleep(GATHER.total_seconds())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._interval):
                        await self._woken.wait()

    async def resume(self, term: Term) -> Frontier:
        """The frontier as the store holds it. Raises DamagedLogError when it is not the tree that was last signed."""
        frontier = await self._log.load_frontier(term.size)
        newest = await self._log.newest_checkpoint()
        if newest is not None:
            try:
                signed = open_checkpoint(newest["note"], self._signer.verifier_key())
            except NoteError:
                raise DamagedLogError("the newest checkpoint is not what was signed") from None
            await self._check_tree(signed, term)
        return frontier

    async def integrate(self, term: Term, frontier: Frontier) -> tuple[Frontier, bool]:
        """Integrate the next events taken in; the frontier after them, and whether there may be more at once."""
        events = await self._log.read_pending(BATCH)
        if events:
            frontier = await self._log.integrate(term.term, frontier, events)
        return frontier, len(events) == BATCH

    async def publish(self, term: Term, frontier: Frontier, number: int) -> None:
        """Persist the next checkpoint, then sign it."""
        time = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        checkpoint = Checkpoint(self._signer.name, frontier.size, frontier.root(), number, time)
        await self._log.add_checkpoint(term.term, number, frontier.size, checkpoint.body())
        await self._log.add_note(term.term, number, checkpoint.sign(self._signer))

    async def _sign_persisted(self, term: Term) -> int:
        """Sign what a sequencer persisted and did not sign; the size of the newest checkpoint. Raises DamagedLogError."""
        for document in await self._log.unsigned_checkpoints():
            try:
                checkpoint = parse_body(document["body"])
                await self._check_tree(checkpoint, term)
                note = checkpoint.sign(self._signer)
            except NoteError:
                raise DamagedLogError("a checkpoint waits to be signed that is not this log's") from None
            await self._log.add_note(term.term, document["number"], note)
        newest = await self._log.newest_checkpoint()
        return 0 if newest is None else int(newest["size"])

    async def _check_tree(self, checkpoint: Checkpoint, term: Term) -> None:
        """Raise DamagedLogError unless the stored leaves make the tree that the checkpoint says."""
        if checkpoint.size > term.size or (await self._log.load_frontier(checkpoint.size)).root() != checkpoint.root:
            raise DamagedLogError("the store holds another log than a checkpoint says")
