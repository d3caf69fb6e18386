"""A withdrawal holds from its acknowledgement on, whatever the readers do, also when their service is suspended meanwhile."""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from carnet.consent.v1.authorisation_service_pb2 import ListAuthorisationsRequest
from carnet_client import Refused, UserSession
from carnet_dev.demo.cast import Cast, Member
from carnet_dev.local_run import LocalRun
from carnet_dev.suspension import resume, suspend
from support.people import BLOCK, HERSELF, STANDING, TREATMENT, Somebody, invented, state, take_back, with_record
from support.waiting import elapsed, eventually

LANES = 16
READERS_A_LANE = 1
ROUNDS = 13
"""Lanes times rounds is 208 withdrawals."""


@dataclass
class Lane:
    """One record, its readers, and what they saw since the present round began."""

    somebody: Somebody
    document: str
    seen: list[tuple[float, bool]] = field(default_factory=list)
    """(when the read began, whether it was answered)."""
    acknowledged: float = 0.0
    violations: int = 0
    faults: int = 0
    """Refusals that are faults of ours and not answers."""

    @property
    def has_asked_since_acknowledged(self) -> bool:
        """Whether a read that began after the acknowledgement has ended."""
        return any(began > self.acknowledged for began, _ in self.seen)

    def close_round(self) -> None:
        """Count the reads that began after the acknowledgement and were answered."""
        self.violations += sum(answered for began, answered in self.seen if began > self.acknowledged)
        self.seen.clear()


async def keep_reading(reader: UserSession, lane: Lane, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        try:
            await reader.read(lane.document)
        except Refused as refused:
            lane.faults += refused.code is grpc.StatusCode.INTERNAL
            lane.seen.append((began, False))
        else:
            lane.seen.append((began, True))


async def has_read_since(lane: Lane, moment: float) -> None:
    await eventually(lambda: any(answered and began > moment for began, answered in lane.seen))


async def one_round(lane: Lane, number: int, herself: UserSession, bruno: Member) -> None:
    """Permit, see it read, withdraw. Half of the withdrawals are blocks, half take an authorisation back."""
    statement = await state(herself, lane.somebody.record, bruno.name, STANDING)
    await has_read_since(lane, time.monotonic())
    if number % 2:
        await take_back(herself, statement)
    else:
        await state(herself, lane.somebody.record, bruno.name, BLOCK)
    lane.acknowledged = time.monotonic()


@pytest.mark.this_machine("a process that it can suspend")
async def test_no_read_that_begins_after_the_acknowledgement_is_answered(carnet: LocalRun) -> None:
    """C4: 208 withdrawals while 16 readers run; in half of the rounds the documents service is suspended meanwhile."""
    async with AsyncExitStack() as stack:
        cast = await stack.enter_async_context(Cast(carnet.folder))
        alice, bruno = await cast.member("alice"), await cast.member("bruno")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        reader = await cast.session("bruno", "software/gp", TREATMENT, bruno.structure)
        lanes = [await opened(cast, doctor) for _ in range(LANES)]
        stop = asyncio.Event()
        readers = [asyncio.ensure_future(keep_reading(reader, lane, stop)) for lane, _ in lanes for _ in range(READERS_A_LANE)]
        for number in range(ROUNDS):
            await suspended(carnet, number, asyncio.gather(*(one_round(lane, number, herself, bruno) for lane, herself in lanes)))
            # Every reader asks again under the withdrawal: that is what the trial is about.
            await eventually(lambda: all(lane.has_asked_since_acknowledged for lane, _ in lanes))
            for lane, _ in lanes:
                lane.close_round()
            if number % 2 == 0:
                await asyncio.gather(*(unblock(herself, lane.somebody.record) for lane, herself in lanes))
        stop.set()
        await asyncio.gather(*readers)
    assert [(lane.violations, lane.faults) for lane, _ in lanes] == [(0, 0)] * LANES


async def unblock(herself: UserSession, record: str) -> None:
    """Take back every block of the record."""
    request = ListAuthorisationsRequest(parent=record)
    listed = await herself.connection.authorisations.ListAuthorisations(request, metadata=await herself.metadata(), timeout=20)
    for statement in listed.authorisations:
        if statement.kind == BLOCK:
            await take_back(herself, statement.name)


async def suspended(carnet: LocalRun, number: int, withdrawals: "asyncio.Future[Any]") -> None:
    """Let the withdrawals happen; in every second pair of rounds stop the documents service around them at a random moment."""
    if number % 4 >= 2:
        await elapsed(random.uniform(0.05, 0.5))
        pid = carnet.pid("documents")
        suspend(pid)
        try:
            await asyncio.wait({withdrawals}, timeout=random.uniform(0.3, 1.0))
        finally:
            resume(pid)
    await withdrawals


async def opened(cast: Cast, doctor: UserSession) -> tuple[Lane, UserSession]:
    """A record with one document, and its holder's own session."""
    somebody = await with_record(doctor, invented())
    deposit = await doctor.deposit(somebody.record, somebody.document(1))
    return Lane(somebody, deposit.entry.name), await cast.session(f"ins:{somebody.ins}", "portal", HERSELF)
