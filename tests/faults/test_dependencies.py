"""What a service does when something it needs is gone or hung: it refuses what it cannot decide, and comes back by itself."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import grpc
from carnet.audit.v1.audit_reader_service_pb2 import HistoryLine
from carnet.documents.v1.document_query_service_pb2 import ReadDocumentRequest
from carnet_client import Refused, UserSession
from carnet_dev.demo.cast import Cast
from carnet_dev.local_run import LocalRun
from carnet_dev.suspension import resume, suspend
from support.answers import Answer, answer_of, refusal
from support.histories import is_contiguous, settled
from support.people import TREATMENT, invented, with_record
from support.scenes import Scene, played
from support.waiting import elapsed, eventually

from faults.conftest import Fragile

PERMITS_ENDED = 0.45
"""Seconds after which no permit given before can be in hand (400 ms)."""
BACK = timedelta(seconds=60)
T = TypeVar("T")
FAILED = {"UNAVAILABLE", "DEADLINE_EXCEEDED"}


@dataclass
class Read:
    """One read as it went, message by message. Times are monotonic seconds."""

    began: float
    messages: int = 0
    ended: float = 0.0
    refused: Answer | None = None


@dataclass
class Reading:
    """Reads of one document, one after another, each given two seconds."""

    reader: UserSession
    document: str
    reads: list[Read] = field(default_factory=list)
    is_over: bool = False
    has_ended: bool = False

    @property
    def answered(self) -> list[Read]:
        return [read for read in self.reads if read.refused is None]

    def answered_since(self, moment: float) -> bool:
        return any(read.began >= moment for read in self.answered)

    async def once(self) -> Read:
        read = Read(time.monotonic())
        request = ReadDocumentRequest(name=self.document, purpose=self.reader.purpose)
        try:
            metadata = await self.reader.metadata()
            async for _ in self.reader.connection.documents.ReadDocument(request, metadata=metadata, timeout=2):
                read.messages += 1
        except grpc.aio.AioRpcError as error:
            read.refused = answer_of(error)
        read.ended = time.monotonic()
        self.reads.append(read)
        return read

    async def on_and_on(self) -> None:
        while not self.is_over:
            await self.once()
        self.has_ended = True


@asynccontextmanager
async def reading(scene: Scene) -> AsyncIterator[Reading]:
    """The doctor reads on and on."""
    going = Reading(scene.doctor, scene.document)
    task = asyncio.create_task(going.on_and_on())
    try:
        yield going
    finally:
        if task.done():
            task.result()  # what ended the reading is why nothing was seen any more
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def hung(run: LocalRun, name: str) -> AsyncIterator[None]:
    """Within, the program is suspended: it answers nothing and keeps its connections."""
    pid = run.pid(name)
    suspend(pid)
    try:
        yield
    finally:
        resume(pid)


async def killed(run: LocalRun, name: str) -> int:
    """Kill it; nothing listens when this returns."""
    before = run.pid(name)
    os.kill(before, signal.SIGKILL)
    return before


async def back(fragile: Fragile, name: str, before: int) -> None:
    """Return once it was started again and those who need it have found it: a record is opened for somebody new."""
    await eventually(lambda: fragile.run.pid(name) != before, BACK)
    await fragile.is_whole()
    async with Cast(fragile.run.folder) as cast:
        alice = await cast.member("alice")
        doctor = await until_answered(lambda: cast.session("alice", "software/gp", TREATMENT, alice.structure))
        await until_answered(lambda: with_record(doctor, invented()))


async def check_none_is_answered(going: Reading) -> None:
    """Reads that begin now are refused as unavailable or run out, and not one message of them comes."""
    await elapsed(PERMITS_ENDED)
    began = time.monotonic()
    reads = await asyncio.gather(*(Reading(going.reader, going.document).once() for _ in range(4)))
    assert {read.refused.code if read.refused else "OK" for read in reads} <= FAILED
    assert [read.messages for read in reads] == [0] * 4
    assert not going.answered_since(began)


async def read_again(going: Reading) -> None:
    """Return once a read that began after now was answered."""
    now = time.monotonic()
    await eventually(lambda: going.answered_since(now), BACK)


async def test_without_consent_nothing_is_read_and_it_comes_back_by_itself(fragile: Fragile) -> None:
    """R7: hung, and gone."""
    async with played(fragile.run) as scene, reading(scene) as going:
        await read_again(going)
        async with hung(fragile.run, "consent"):
            await check_none_is_answered(going)
        await read_again(going)
        before = await killed(fragile.run, "consent")
        gone = time.monotonic()
        refused = await refused_while_gone(going)
        assert (refused.brief, refused.retry_after is not None) == (("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE"), True)
        await eventually(lambda: fragile.run.pid("consent") != before, BACK)
        started = time.monotonic()
        assert [read for read in going.answered if gone + PERMITS_ENDED < read.ended < started] == []
        assert all(read.messages == 0 for read in going.reads if read.refused and read.began > gone + PERMITS_ENDED)
        await back(fragile, "consent", before)
        await read_again(going)


async def refused_while_gone(going: Reading) -> Answer:
    """The next refusal."""
    count = len([read for read in going.reads if read.refused])
    await eventually(lambda: len([read for read in going.reads if read.refused]) > count)
    last = [read.refused for read in going.reads if read.refused][-1]
    assert last is not None
    return last


async def test_without_identity_tokens_still_count_and_a_deposit_that_needs_it_is_refused(fragile: Fragile) -> None:
    """R7: the keys of tokens are known; whether a header speaks of the holder is not, so nothing is kept."""
    async with played(fragile.run) as scene:
        fresh = await scene.log_in("alice")  # a token that no service has seen yet
        before = await killed(fragile.run, "identity")
        assert (await fresh.read(scene.document)).content == scene.content
        number = 1
        refused = await refusal(scene.doctor.deposit(scene.somebody.record, scene.somebody.document(number)))
        assert (refused.brief, refused.retry_after is not None) == (("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE"), True)
        await back(fragile, "identity", before)
        assert [entry.name for entry in await scene.doctor.search(scene.somebody.record)] == [scene.document]
        deposit = await until_answered(lambda: scene.doctor.deposit(scene.somebody.record, scene.somebody.document(number)))
        assert not deposit.already_deposited


async def until_answered(call: Callable[[], Awaitable[T]]) -> T:
    """Try until it is answered."""
    async with asyncio.timeout(BACK.total_seconds()):
        while True:
            try:
                return await call()
            except Refused as refused:
                if refused.code.name not in FAILED:
                    raise
            except grpc.aio.AioRpcError as error:
                if error.code().name not in FAILED:
                    raise


async def test_without_audit_reading_goes_on_and_every_event_arrives_once_it_is_back(fragile: Fragile) -> None:
    """R7, A4: hung for a while, then killed."""
    async with played(fragile.run) as scene, reading(scene) as going:
        async with hung(fragile.run, "audit"):
            await read_again(going)
            await read_again(going)
        before = await killed(fragile.run, "audit")
        await read_again(going)
        await back(fragile, "audit", before)
        await read_again(going)
        going.is_over = True
        await eventually(lambda: going.has_ended)
        assert {read.refused for read in going.reads} == {None}
        lines = await settled(scene.herself, scene.somebody.record, lambda lines: _reads(lines) >= len(going.reads))
        assert _reads(lines) == len(going.reads)
        assert is_contiguous(lines)


def _reads(lines: list[HistoryLine]) -> int:
    return sum(line.event.kind == "document.read" for line in lines)


async def test_without_a_store_that_answers_no_event_is_durable_and_nothing_is_read(fragile: Fragile) -> None:
    """Promise 1: mongod hung, then killed. It comes back by itself; no read was answered without its line in the history."""
    async with played(fragile.run) as scene, reading(scene) as going:
        await read_again(going)
        async with hung(fragile.run, "mongod"):
            await check_none_is_answered(going)
        await read_again(going)
        before = await killed(fragile.run, "mongod")
        refused = await refused_while_gone(going)
        assert refused.code in FAILED
        await eventually(lambda: fragile.run.pid("mongod") != before, BACK)
        await read_again(going)
        going.is_over = True
        await eventually(lambda: going.has_ended)
        answered = len(going.answered)
        lines = await until_answered(lambda: settled(scene.herself, scene.somebody.record, lambda lines: _reads(lines) >= answered))
        assert _reads(lines) >= answered
        assert is_contiguous(lines)
