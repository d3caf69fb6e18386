"""A withdrawal holds from its acknowledgement on, whatever the readers do, also when their service is suspended meanwhile (trial C4)."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import grpc
import pytest
from carnet.documents.v1.document_query_service_pb2 import ReadDocumentRequest, ReadDocumentResponse
from carnet_client import Refused, UserSession
from carnet_client.refusals import telling_refusals
from carnet_dev.local_run import LocalRun
from carnet_dev.suspension import resume, suspend
from support.waiting import elapsed, eventually_answers
from support.withdrawals import KINDS, SHARED, Company, Kind, Lane, Permitted, Shared, activity, revoked, stopped

LANES, LARGE, MADE_AT_ONCE = 36, 2, 6
"""Records at once; those whose document is large and read slowly; how many are made side by side."""
TRIALS = 1_000
"""Of a seed: what somebody reads in one record, against one withdrawal."""
ROUNDS = 4
"""Withdrawals in each record, one after the other."""
SHARED_ROUNDS = ((activity, stopped, revoked, revoked), *((stopped, revoked, revoked, revoked),) * 5)
"""Withdrawals that each end what somebody reads in all records, side by side."""
LARGE_BYTES = 400_000
MESSAGE, WINDOW = 64 * 1024, 64 * 1024
"""Bytes of one message, and of the window of a connection of ours (architecture.md 5, step 6)."""
ANSWERED = "answered"
PASSING = frozenset({"DEPENDENCY_UNAVAILABLE", "EVENT_NOT_DURABLE", "RATE_LIMITED", "DEADLINE_TOO_SHORT", ""})
"""Refusals that say nothing of the withdrawal: the read is made again."""
LATEST = 0.55
"""Seconds: a withdrawal is acknowledged 505 ms after its commit."""
WITHDRAWN_FOR_A_WHILE = timedelta(seconds=90)
T = TypeVar("T")


@dataclass
class Seen:
    """What the trials of a seed came to."""

    seed: int
    trials: Counter[str] = field(default_factory=Counter)
    while_withdrawn: Counter[str] = field(default_factory=Counter)
    """How reads that began before the acknowledgement ended."""
    wrong: list[str] = field(default_factory=list)
    bytes_after: list[int] = field(default_factory=list)
    """What a running read of a large document got after the acknowledgement."""


async def outcome(reader: UserSession, document: str) -> str:
    """How a read ends: `answered`, or the reason of the refusal."""
    try:
        await reader.read(document)
    except Refused as refused:
        return "INTERNAL" if refused.code is grpc.StatusCode.INTERNAL else refused.reason
    return ANSWERED


async def final(reader: UserSession, document: str) -> str:
    """How a read ends, made again until it says something."""
    found: list[str] = []

    async def ask() -> bool:
        found.append(await outcome(reader, document))
        return found[-1] not in PASSING

    await eventually_answers(ask)
    return found[-1]


async def is_read(reader: UserSession, document: str) -> None:
    """Return once he may read: what was withdrawn for a while may last still."""

    async def ask() -> bool:
        return await outcome(reader, document) == ANSWERED

    await eventually_answers(ask, WITHDRAWN_FOR_A_WHILE, interval=0.5)


class SlowReader:
    """Takes the first message of a large document, and the others when it is told to."""

    def __init__(self, reader: UserSession, document: str) -> None:
        self._reader, self._document = reader, document

    async def begin(self) -> None:
        request = ReadDocumentRequest(name=self._document, purpose=self._reader.purpose)
        metadata = await self._reader.metadata()
        self._call = self._reader.connection.documents.ReadDocument(request, metadata=metadata, timeout=60)
        with telling_refusals():
            await self._call.read()

    async def rest(self) -> tuple[int, str]:
        """The bytes that still come, and how it ends."""
        came = 0
        try:
            with telling_refusals():
                while isinstance(part := await self._call.read(), ReadDocumentResponse):
                    came += len(part.chunk)
        except Refused as refused:
            return came, refused.reason
        return came, ANSWERED


@dataclass(frozen=True)
class Trials:
    """The trials of one seed."""

    company: Company
    lanes: Sequence[Lane]
    seen: Seen

    async def of_one_record(self, lane: Lane, kinds: Sequence[Kind], chance: random.Random) -> None:
        """One after the other."""
        for kind in kinds:
            permitted = await kind.made(self.company, lane)
            await self.one(kind.made.__name__, kind.reason, permitted, [lane], chance)
            await permitted.restore()

    async def of_all_records(self, made: Shared, chance: random.Random) -> None:
        """One withdrawal from somebody who reads in all of them at once."""
        await self.one(made.__name__, "SESSION_WITHDRAWN", await made(self.company), self.lanes, chance)

    async def one(self, kind: str, reason: str, permitted: Permitted, lanes: Sequence[Lane], chance: random.Random) -> None:
        """See it read, withdraw while it is read on, and see every read refused that begins once that is acknowledged."""
        reader = permitted.reader
        await together(*(is_read(reader, lane.document) for lane in lanes))
        slow = [SlowReader(reader, lane.document) for lane in lanes if lane.is_large]
        await together(*(one.begin() for one in slow))
        moments = [chance.choice((0.0, chance.uniform(0.0, LATEST))) for _ in lanes]
        running = [asyncio.create_task(read_after(moment, reader, lane.document)) for moment, lane in zip(moments, lanes, strict=True)]
        try:
            await permitted.withdraw()
            acknowledged = time.monotonic()
            after = await together(*(final(reader, lane.document) for lane in lanes))
        finally:
            around = await together(*running)
        self.seen.while_withdrawn.update(ended for began, ended in around if began <= acknowledged)
        after += [ended for began, ended in around if began > acknowledged and ended not in PASSING]
        self.seen.wrong += [f"{kind}: a read that began after the acknowledgement ended {ended}" for ended in after if ended != reason]
        for came, ended in await together(*(one.rest() for one in slow)):
            self.seen.bytes_after.append(came)
            if came > MESSAGE + WINDOW or ended == ANSWERED:
                self.seen.wrong.append(f"{kind}: a running read got {came} bytes after the acknowledgement and ended {ended}")
        self.seen.trials[kind] += len(lanes)


async def read_after(seconds: float, reader: UserSession, document: str) -> tuple[float, str]:
    """When a read began, so many seconds from now, and how it ended."""
    if seconds:
        await elapsed(seconds)
    return time.monotonic(), await outcome(reader, document)


async def together(*work: Awaitable[T]) -> list[T]:
    """All of it side by side."""
    return list(await asyncio.gather(*work))


async def some_at_once(most: int, *work: Coroutine[Any, Any, T]) -> list[T]:
    """All of it, so much side by side."""
    turns = asyncio.Semaphore(most)

    async def in_turn(one: Coroutine[Any, Any, T]) -> T:
        async with turns:
            return await one

    return await together(*(in_turn(one) for one in work))


@asynccontextmanager
async def suspended_now_and_then(carnet: LocalRun, chance: random.Random) -> AsyncIterator[None]:
    """Stop the documents service at random moments, for shorter or longer than a permit can be used."""

    async def interfere() -> None:
        while True:
            await elapsed(chance.uniform(0.2, 1.6))
            pid = carnet.pid("documents")
            suspend(pid)
            try:
                await elapsed(chance.uniform(0.05, 0.8))
            finally:
                resume(pid)

    interfering = asyncio.create_task(interfere())
    try:
        yield
    finally:
        interfering.cancel()
        with suppress(asyncio.CancelledError):
            await interfering


async def tried(carnet: LocalRun, seed: int) -> Seen:
    """A thousand trials, in which the same seed chooses the same kinds and moments."""
    seen, chance = Seen(seed), random.Random(seed)
    async with AsyncExitStack() as stack:
        company = await Company.gathered(carnet, stack)
        lanes = await some_at_once(MADE_AT_ONCE, *(company.lane(LARGE_BYTES if number < LARGE else 0) for number in range(LANES)))
        made = Trials(company, lanes, seen)
        weights = [kind.share for kind in KINDS]
        async with suspended_now_and_then(carnet, chance):
            drawn = [(random.Random(chance.random()), chance.choices(KINDS, weights, k=ROUNDS)) for _ in lanes]
            await together(*(made.of_one_record(lane, kinds, own) for lane, (own, kinds) in zip(lanes, drawn, strict=True)))
            await together(*(company.authorise(lane) for lane in lanes))
            for rounds in SHARED_ROUNDS:
                await together(*(made.of_all_records(by, random.Random(chance.random())) for by in rounds))
    return seen


def check(seen: Seen) -> None:
    """Nothing wrong, and nothing left out."""
    found = f"seed {seen.seed}, {seen.trials.total()} trials"
    assert not seen.wrong, f"{found}, {len(seen.wrong)} wrong: " + "; ".join(seen.wrong[:10])
    assert seen.trials.total() >= TRIALS, found
    assert set(seen.trials) == {kind.made.__name__ for kind in KINDS} | {made.__name__ for made in SHARED}, found
    assert seen.while_withdrawn[ANSWERED], f"{found}: nobody had a permit in hand when it was withdrawn"
    assert any(seen.bytes_after), f"{found}: no stream was under way"


@pytest.mark.this_machine("a process that it can suspend")
@pytest.mark.timeout(300)
async def test_no_read_that_begins_after_the_acknowledgement_is_answered(carnet: LocalRun) -> None:
    """C4: 1 000 trials with withdrawals of every kind, 36 records at once, while the documents service is stopped and resumed."""
    check(await tried(carnet, 1))


@pytest.mark.long
@pytest.mark.this_machine("a process that it can suspend")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2, 12))
async def test_no_read_is_answered_in_ten_thousand_trials_either(carnet: LocalRun, seed: int) -> None:
    """C4."""
    check(await tried(carnet, seed))
