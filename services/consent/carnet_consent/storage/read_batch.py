"""The read that a decision rests on: never older than the moment the question was asked (docs/architecture.md, promise 2).

A majority read alone can be stale on a primary that was deposed and does not know it. So each read comes after a *barrier*: a
majority-committed, journaled write begun after the question came, which a deposed primary cannot make. Everything that queued while the
previous batch was under way shares one barrier and one read of all their records and all their withdrawals. The read follows the barrier
causally: another member that became primary in between answers it only once it has the barrier.

Fails closed: a batch whose barrier or read fails or takes too long refuses all its questions with Unavailable; a full queue refuses at
once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import structlog
from carnet_platform.clock import Clock
from carnet_platform.errors import ResourceExhausted, Unavailable
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Collection, Database, Session, aggregate, causal_session, ensure_collection
from carnet_platform.telemetry.steps import Step, present, shared
from pymongo.errors import PyMongoError

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.decision import Unreadable
from carnet_consent.storage.fences import Fences
from carnet_consent.storage.indexes import BARRIERS, BARRIERS_INDEXES, BARRIERS_VALIDATOR, POSITION
from carnet_consent.storage.records import Records

_log = structlog.get_logger(__name__)
BARRIER_KEPT: Final = timedelta(days=1)
RETRY_AFTER: Final = timedelta(seconds=1)
Found = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one question found, all of it after its barrier."""

    consent: Consent | Unreadable | None
    is_withdrawn: bool
    """Whether anything the question named is withdrawn."""
    position: int
    """The number of the newest withdrawal this reading includes."""


@dataclass(frozen=True, slots=True)
class _Question:
    record: str
    names: tuple[str, ...]
    answer: "asyncio.Future[Reading]"
    step: Step | None
    """The step of a sampled call that asks."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the batches."""

    timeout: timedelta
    """After this a batch refuses all its questions."""
    batch: int
    """Questions in one batch."""
    queue: int
    """Questions that may wait; one more is refused at once."""


class Barrier:
    """This process's own document, whose majority-committed change proves that the store it speaks to is the primary."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._name = new_id()

    @classmethod
    async def open(cls, database: Database) -> Self:
        """Make the collection if it is not there."""
        return cls(await ensure_collection(database, BARRIERS, validator=BARRIERS_VALIDATOR, indexes=BARRIERS_INDEXES))

    async def write(self, session: Session) -> None:
        """Return once a write begun now is majority-committed and journaled."""
        update = {"$inc": {"reads": 1}, "$set": {"delete_time": datetime.now(UTC) + BARRIER_KEPT}}
        await self._collection.update_one({"_id": self._name}, update, upsert=True, session=session)


class ReadBatch:
    """Groups the questions of this process. `run` must run as long as questions are asked."""

    def __init__(self, records: Records, fences: Fences, barrier: Barrier, clock: Clock, limits: Limits) -> None:
        self._records, self._fences, self._barrier, self._clock, self._limits = records, fences, barrier, clock, limits
        self._waiting: list[_Question] = []
        self._asked = asyncio.Event()
        self.batches = 0
        """How many batches were read, for measuring how many questions share one."""

    async def read(self, record: str, names: Sequence[str]) -> Reading:
        """Read a record (`records/{r}`, empty for none) and whether any of these names is withdrawn.

        Raises Unavailable when the store does not answer in time, ResourceExhausted when too many wait.
        """
        if len(self._waiting) >= self._limits.queue:
            raise ResourceExhausted("RATE_LIMITED", "too many decisions are waiting", retry_after=RETRY_AFTER)
        question = _Question(record, tuple(names), asyncio.get_running_loop().create_future(), present())
        self._waiting.append(question)
        self._asked.set()
        return await question.answer

    async def run(self) -> None:
        """Answer questions until cancelled."""
        client = self._records.collection.database.client
        while True:
            await self._asked.wait()
            async with causal_session(client) as session:
                while await self._answer_next(session):
                    await self._asked.wait()

    async def _answer_next(self, session: Session) -> bool:
        """Answer the next batch; false when the session should not be used again."""
        batch, self._waiting = self._waiting[: self._limits.batch], self._waiting[self._limits.batch :]
        if not self._waiting:
            self._asked.clear()
        # A caller that gave up has cancelled its future; nothing is read for it.
        wanted = [question for question in batch if not question.answer.done()]
        return not wanted or await self._answer(wanted, session)

    async def _answer(self, batch: Sequence[_Question], session: Session) -> bool:
        try:
            records = {question.record for question in batch}
            names = {name for question in batch for name in question.names} | {POSITION}
            with shared("shared read", (question.step for question in batch)):
                async with asyncio.timeout(self._limits.timeout.total_seconds()):
                    documents, fences = await self._read_after_barrier(records, names, session)
            now = self._clock.now()
            position = self._fences.position(fences.get(POSITION))
            withdrawn = {name for name, fence in fences.items() if self._fences.holds(fence, now)}
            self.batches += 1
        except (PyMongoError, OSError, TimeoutError) as error:
            _log.warning("read_batch.failed", kind=type(error).__name__, questions=len(batch))
            _refuse(batch, "the store does not answer; nothing is decided")
            return False
        except BaseException:
            _refuse(batch, "this process is stopping; nothing is decided")
            raise
        for question in batch:
            self._give(question, documents, withdrawn, position)
        return True

    async def _read_after_barrier(self, records: set[str], names: set[str], session: Session) -> tuple[Found, Found]:
        await self._barrier.write(session)
        # One command for both collections: what a batch costs is its round trips.
        rows = await aggregate(
            self._records.collection,
            [
                {"$match": {"_id": {"$in": sorted(records - {""})}}},
                {"$replaceWith": {"record": "$$ROOT"}},
                {
                    "$unionWith": {
                        "coll": self._fences.collection.name,
                        "pipeline": [{"$match": {"_id": {"$in": sorted(names)}}}, {"$replaceWith": {"fence": "$$ROOT"}}],
                    }
                },
            ],
            session=session,
        )
        documents: Found = {}
        fences: Found = {}
        async for row in rows:
            for kind, found in (("record", documents), ("fence", fences)):
                if kind in row:
                    found[row[kind]["_id"]] = row[kind]
        return documents, fences

    def _give(self, question: _Question, documents: dict[str, dict[str, Any]], withdrawn: set[str], position: int) -> None:
        if question.answer.done():
            return
        consent = self._records.seals.opened(documents.get(question.record))
        question.answer.set_result(Reading(consent, not withdrawn.isdisjoint(question.names), position))


def _refuse(batch: Sequence[_Question], sentence: str) -> None:
    for question in batch:
        if not question.answer.done():
            question.answer.set_exception(Unavailable("DEPENDENCY_UNAVAILABLE", sentence, retry_after=RETRY_AFTER))
