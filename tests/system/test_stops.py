"""Stop switches on the whole system: what two operators stop is not answered any more once the second hears that it is done."""

import asyncio
import random
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import pytest
from carnet.common.v1.operation_pb2 import OPERATION_STATE_DONE, Operation
from carnet.common.v1.purpose_of_use_pb2 import PURPOSE_OF_USE_OPERATIONS
from carnet.identity.v1.admin_service_pb2 import ApproveOperationRequest, ProposeOperationRequest
from carnet_client import Refused, UserSession, request_id
from carnet_client.refusals import telling_refusals
from carnet_dev.demo.cast import Cast
from carnet_dev.local_run import LocalRun
from carnet_dev.suspension import resume, suspend
from support.people import HERSELF, TREATMENT, invented, with_record
from support.waiting import elapsed, eventually

ROUNDS = 6
REASON = "a trial of the stop switch"


@dataclass
class Reader:
    """Who reads one document over and over, and what came of it."""

    session: UserSession
    document: str
    seen: list[tuple[float, str]] = field(default_factory=list)
    """(when the read began, `read` or the reason of the refusal)."""

    async def keep_reading(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self.session.read(self.document)
            except Refused as refused:
                self.seen.append((began, refused.reason))
            else:
                self.seen.append((began, "read"))

    def has_asked(self, moment: float) -> bool:
        """Whether a read that began after a moment has ended."""
        return bool(self.since(moment))

    def since(self, moment: float) -> set[str]:
        """How reads that began after a moment ended."""
        return {outcome for began, outcome in self.seen if began > moment}


@dataclass
class Operators:
    """Two of them."""

    first: UserSession
    second: UserSession

    @classmethod
    async def on(cls, cast: Cast) -> "Operators":
        return cls(*[await cast.session(user, "operations", PURPOSE_OF_USE_OPERATIONS) for user in ("olga", "omar")])

    async def do(self, kind: str, target: str, *, emergency: bool = False) -> Operation:
        """One proposes, the other approves; returns when it is done."""
        admin, asked = self.first.connection.identity_admin, ProposeOperationRequest(request_id=request_id(), kind=kind, target=target)
        asked.reason, asked.emergency = REASON, emergency
        with telling_refusals():
            proposed = (await admin.ProposeOperation(asked, metadata=await self.first.metadata(), timeout=20)).operation
            approval = ApproveOperationRequest(request_id=request_id(), operation=proposed.name)
            return (await admin.ApproveOperation(approval, metadata=await self.second.metadata(), timeout=20)).operation


@pytest.mark.long
@pytest.mark.this_machine("a process that it can suspend")
async def test_no_read_of_a_stopped_session_that_begins_after_the_acknowledgement_is_answered(carnet: LocalRun) -> None:
    """C4: stops of sessions while they read; in half of the rounds the documents service is suspended meanwhile."""
    async with AsyncExitStack() as stack:
        cast = await stack.enter_async_context(Cast(carnet.folder))
        operators, alice = await Operators.on(cast), await cast.member("alice")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        somebody = await with_record(doctor, invented())
        document = (await doctor.deposit(somebody.record, somebody.document(1))).entry.name
        for number in range(ROUNDS):
            reader = Reader(await cast.session("alice", "software/gp", TREATMENT, alice.structure), document)
            reading = asyncio.create_task(reader.keep_reading())
            await eventually(partial(reader.has_asked, 0.0))
            assert reader.since(0.0) == {"read"}
            stopping = asyncio.ensure_future(operators.do("stop", reader.session.session))
            await _suspended(carnet, stopping, is_suspended=number % 2 == 1)
            acknowledged = time.monotonic()
            assert stopping.result().state == OPERATION_STATE_DONE
            await eventually(partial(reader.has_asked, acknowledged))
            reading.cancel()
            assert reader.since(acknowledged) == {"SESSION_WITHDRAWN"}
        assert (await doctor.read(document)).entry.name == document, "another session of hers goes on"


async def _suspended(carnet: LocalRun, stopping: "asyncio.Future[Any]", *, is_suspended: bool) -> None:
    """Let it happen, with the documents service stopped around it at a random moment."""
    if is_suspended:
        await elapsed(random.uniform(0.02, 0.3))
        pid = carnet.pid("documents")
        suspend(pid)
        try:
            await asyncio.wait({stopping}, timeout=random.uniform(0.3, 1.0))
        finally:
            resume(pid)
    await stopping


async def test_a_stopped_person_neither_reads_nor_logs_in_until_she_is_resumed(carnet: LocalRun) -> None:
    """docs/architecture.md, section 3: a stop lasts until it is resumed; who was stopped just now waits for her last token to end."""
    async with AsyncExitStack() as stack:
        cast = await stack.enter_async_context(Cast(carnet.folder))
        operators, alice = await Operators.on(cast), await cast.member("alice")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        somebody = await with_record(doctor, invented())
        document = (await doctor.deposit(somebody.record, somebody.document(1))).entry.name
        herself = await cast.session(f"ins:{somebody.ins}", "portal", HERSELF)
        await herself.read(document)

        stopped = await operators.do("stop", herself.subject, emergency=True)
        assert (stopped.state, stopped.emergency) == (OPERATION_STATE_DONE, True)

        with pytest.raises(Refused) as refused:
            await herself.read(document)
        assert refused.value.reason == "SESSION_WITHDRAWN"
        with pytest.raises(Refused) as refused:
            await cast.session(f"ins:{somebody.ins}", "portal", HERSELF)
        assert (refused.value.reason, refused.value.code) == ("STOPPED", grpc.StatusCode.PERMISSION_DENIED)
        assert (await doctor.read(document)).entry.name == document, "her doctor goes on"

        await operators.do("resume", herself.subject)
        again = await cast.session(f"ins:{somebody.ins}", "portal", HERSELF)
        with pytest.raises(Refused) as refused:
            await again.read(document)
        assert refused.value.reason == "SESSION_WITHDRAWN", "the withdrawal of her last tokens has not ended yet"


async def test_no_software_but_operations_reaches_the_stop_switch(carnet: LocalRun) -> None:
    async with Cast(carnet.folder) as cast:
        alice = await cast.member("alice")
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        with pytest.raises(Refused) as refused:
            await Operators(doctor, doctor).do("stop", alice.name)
        assert refused.value.reason == "CALLER_NOT_ALLOWED"


async def test_an_operator_stops_and_another_approves_from_the_command_line(carnet: LocalRun) -> None:
    """docs/operations/stop-switches.md: what an operator types."""
    async with Cast(carnet.folder) as cast:
        alice = await cast.member("alice")
        session = (await cast.session("alice", "software/gp", TREATMENT, alice.structure)).session
    name = (await _typed(carnet, "olga", "stop", session, "--reason", REASON)).split()[0]
    assert "another than its proposer" in await _typed(carnet, "olga", "approve", name, code=1)
    assert await _typed(carnet, "omar", "approve", name) == f"{name}  stop  {session}  done\n"
    assert name in await _typed(carnet, "doris", "list")


async def _typed(carnet: LocalRun, *words: str, code: int = 0) -> str:
    """What the command prints."""
    command = [sys.executable, "-m", "carnet_dev.operate", *words, "--folder", str(carnet.folder)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed, _ = await process.communicate()
    assert process.returncode == code, printed.decode()
    return printed.decode()
