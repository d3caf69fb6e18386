"""kill -9 of the documents service in the middle of deposits and reads: nothing acknowledged is lost, nothing is half, nothing twice.

The short form of trial R1, and of A4 for reads. A kill leaves the page cache, so power loss is not tested here.
"""

import asyncio
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import grpc
import pytest
from carnet.audit.v1.audit_reader_service_pb2 import HistoryLine
from carnet.documents.v1.document_entry_pb2 import DocumentEntry
from carnet_client import Refused, UserSession
from carnet_dev.demo.cast import Cast
from support.histories import is_contiguous, settled, verified
from support.people import HERSELF, TREATMENT, Somebody, invented, with_record
from support.waiting import elapsed, eventually, eventually_given

from faults.conftest import Fragile

DEPOSITS, AT_ONCE, RECORDS, KILLS = 500, 8, 4, 4
LARGE_EVERY = 60
"""One in so many is larger than 1 MiB, so that it is kept in chunks."""
SEED = 20
PATIENCE = timedelta(seconds=90)
"""With one step on the way, on a machine that is busy."""
PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED}
"""What a client tries again after, because it does not say that the answer is no."""
T = TypeVar("T")


@dataclass
class Kept:
    """One record, and what its depositor was told."""

    somebody: Somebody
    herself: UserSession
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)

    async def check_documents(self, doctor: UserSession) -> None:
        """Search shows exactly what was acknowledged, each identifier once; each reads back byte by byte."""
        found: list[DocumentEntry] = await doctor.search(self.somebody.record)
        assert sorted(entry.name for entry in found) == sorted(self.acknowledged)
        assert len({entry.unique_id for entry in found}) == len(found)
        for name, content in self.acknowledged.items():
            assert (await doctor.read(name)).content == content, "an acknowledged document came back other than it was sent"
            self.reads[name] += 1

    async def check_history(self) -> None:
        """One deposit for each document, a read for each that was answered, no number left out, all of it genuine."""
        expected = dict.fromkeys(self.acknowledged, 1)

        def has_all(lines: list[HistoryLine]) -> bool:
            return _counts(lines, "document.deposited") >= Counter(expected) and _counts(lines, "document.read") >= self.reads

        lines = await settled(self.herself, self.somebody.record, has_all, PATIENCE)
        assert _counts(lines, "document.deposited") == expected
        assert _counts(lines, "document.read") >= self.reads, "a document was read and its history does not say so"
        assert is_contiguous(lines)
        file = await self.herself.export_history(self.somebody.record)
        answer = verified(file)
        assert answer.is_complete, answer.problem
        events = [json.loads(line["payload"]) for line in json.loads(file)["lines"]]
        assert Counter(one["document"] for one in events if one["kind"] == "document.deposited") == expected


def _counts(lines: list[HistoryLine], kind: str) -> Counter[str]:
    return Counter(line.event.document for line in lines if line.event.kind == kind)


async def until_answered(call: Callable[[], Awaitable[T]]) -> T:
    """Try as a client does, until the answer is yes."""
    return await eventually_given(call, lambda error: isinstance(error, Refused) and error.code in PASSING, PATIENCE)


async def deposit_all(doctor: UserSession, kept: list[Kept], numbers: list[int]) -> None:
    """Deposit what is left of the numbers, reading each back at once."""
    while numbers:
        number = numbers.pop()
        one = kept[number % len(kept)]
        filler = "x" * (1_200_000 if number % LARGE_EVERY == 0 else random.randrange(4_000))
        content = one.somebody.document(number, filler=filler)
        deposit = await until_answered(lambda one=one, content=content: doctor.deposit(one.somebody.record, content))  # type: ignore[misc]
        assert one.acknowledged.setdefault(deposit.entry.name, content) is content, "two documents were given one name"
        await until_answered(lambda name=deposit.entry.name: doctor.read(name))  # type: ignore[misc]
        one.reads[deposit.entry.name] += 1


async def kill_at_random(fragile: Fragile, numbers: list[int], chance: random.Random) -> None:
    """Kill -9 whenever the next random share of the deposits was begun, once the service is up again."""
    for left in sorted((chance.randrange(DEPOSITS // 10, DEPOSITS - DEPOSITS // 10) for _ in range(KILLS)), reverse=True):
        await eventually(lambda left=left: len(numbers) <= left, PATIENCE)  # type: ignore[misc]
        await fragile.is_whole()
        await elapsed(chance.uniform(0, 0.02))  # to meet it at any step of a deposit
        before = fragile.run.pid("documents")
        os.kill(before, signal.SIGKILL)
        await eventually(lambda before=before: fragile.run.pid("documents") != before, PATIENCE)  # type: ignore[misc]


@pytest.mark.timeout(150)
async def test_every_acknowledged_deposit_survives_kills_of_the_service_whole_once_and_on_record(fragile: Fragile) -> None:
    """R1, A4: 500 deposits, 8 at once, in several records, while their service is killed again and again."""
    chance = random.Random(SEED)
    async with Cast(fragile.run.folder) as cast:
        alice = await cast.member("alice")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        people = [await with_record(doctor, invented()) for _ in range(RECORDS)]
        kept = [Kept(one, await cast.session(f"ins:{one.ins}", "portal", HERSELF)) for one in people]
        numbers = list(range(DEPOSITS))
        killing = asyncio.create_task(kill_at_random(fragile, numbers, chance))
        await asyncio.gather(*(deposit_all(doctor, kept, numbers) for _ in range(AT_ONCE)))
        await killing
        await fragile.is_whole()
        assert sum(len(one.acknowledged) for one in kept) == DEPOSITS
        await asyncio.gather(*(one.check_documents(doctor) for one in kept))
        await asyncio.gather(*(one.check_history() for one in kept))
