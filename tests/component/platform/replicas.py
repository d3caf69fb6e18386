"""Processes that share one store of operations, with a work of the test's own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from carnet_platform.changes import ChangeLog
from carnet_platform.errors import NotFound
from carnet_platform.idempotency import Asked
from carnet_platform.mongo import Session
from carnet_platform.operations import Operation, Operations, Proposal, State, Step
from structlog.testing import capture_logs
from support.hand_clock import HandClock

FIRST, SECOND, THIRD = "persons/first", "persons/second", "persons/third"
REASON = "lost his key, told by phone"


class Switch:
    """The work of one kind: counts what the store holds of it, in its transactions, and how often the rest was asked for."""

    def __init__(self, rows: Any) -> None:  # noqa: ANN401 - a collection
        self.rows = rows
        self.runs = 0
        self.failure: Exception | None = None
        self.cannot_begin = False
        self.may_run = asyncio.Event()
        self.may_run.set()

    async def check(self, proposal: Proposal) -> None:
        if proposal.target == "things/unknown":
            raise NotFound("NOT_FOUND", "there is no such thing", field="target")

    async def begin(self, session: Session, operation: Operation) -> None:
        await self._count(session, operation, "begun")
        if self.cannot_begin:
            raise LookupError

    async def run(self, operation: Operation) -> None:
        assert operation.begin_time is not None
        self.runs += 1
        await self.may_run.wait()
        if self.failure is not None:
            raise self.failure

    async def undo(self, session: Session, operation: Operation) -> None:
        await self._count(session, operation, "undone")

    async def counted(self, operation: Operation, what: str) -> int:
        found = await self.rows.find_one({"_id": operation.target})
        return 0 if found is None else found.get(what, 0)

    async def _count(self, session: Session, operation: Operation, what: str) -> None:
        await self.rows.update_one({"_id": operation.target}, {"$inc": {what: 1}}, upsert=True, session=session)


@dataclass
class Replica:
    """One process's frame over the shared store."""

    client: Any
    database: Any
    changes: ChangeLog
    operations: Operations
    work: Switch
    clock: HandClock
    told: list[tuple[Step, Operation]]
    requests: int = 0

    def asked(self, method: str, user: str, content: bytes = b"content", request_id: str = "") -> Asked:
        self.requests += 1
        return Asked(method, user, request_id or f"{id(self)}-{self.requests}", content)

    async def propose(self, *, is_provisional: bool = False, target: str = "things/a", request_id: str = "") -> Operation:
        proposal = Proposal(kind="stop", target=target, reason=REASON, proposer=FIRST, is_provisional=is_provisional)
        return await self.operations.propose(self.asked("Propose", FIRST, request_id=request_id), proposal)

    async def approve(self, operation: Operation, user: str = SECOND, request_id: str = "") -> Operation:
        return await self.operations.approve(self.asked("Approve", user, operation.id.encode(), request_id), operation.id)

    async def decline(self, operation: Operation, user: str = SECOND) -> Operation:
        return await self.operations.decline(self.asked("Decline", user, operation.id.encode()), operation.id)

    async def state(self, operation: Operation) -> State:
        [found] = [one for one in (await self.operations.page(0, ""))[0] if one.id == operation.id]
        return found.state

    async def revisions(self, operation: Operation) -> int:
        return await self.changes.last_revision(operation.name)

    async def later(self, by: timedelta) -> list[str]:
        """A look of the background job, some time later; gives the alarms."""
        self.clock.seconds += by.total_seconds()
        with capture_logs() as logged:
            await self.operations.once()
        return [line["event"] for line in logged if line["log_level"] == "error"]


Open = Callable[[], Awaitable[Replica]]
"""Opens another replica on the same store."""
