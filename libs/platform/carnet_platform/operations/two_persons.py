"""The frame of operations that take two people: proposed, approved by another, recorded, and only then carried out.

1. A proposal that cannot be done, or gives no reason, is refused at once; a good one is stored with its event.
2. Another person approves it, in one transaction with the event and with what the store itself can hold of the work (`Work.begin`):
   that happens once, whoever dies and however many approve at the same time.
3. The rest (`Work.run`) follows the commit. A process that dies between leaves it to the background job of any other.
4. It is done once `run` has returned; whoever approved hears of it then, and not before.
5. What nobody approves in time lapses. A *provisional* operation is carried out at the word of one; when it lapses or is declined it is
   undone in the same transaction, and when it lapses an alarm is raised: somebody acted alone and nobody confirmed it.

Every step is one revision of `operations/{operation}` in the log of changes, whose event is stored with it or not at all.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from carnet_platform.clock import Clock
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import InvalidArgument, Unavailable
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.identifiers import new_id
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Client, Session, in_transaction
from carnet_platform.operations.operation import Operation, Proposal, State, Step
from carnet_platform.operations.page_tokens import PageTokens
from carnet_platform.operations.ports import Changes, Told, Work
from carnet_platform.operations.store import OperationStore

LONGEST_REASON: Final = 500
USUAL_PAGE: Final = 50
LONGEST_PAGE: Final = 100
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long things last."""

    lapses_after: timedelta = timedelta(days=1)
    """From a proposal until nobody can approve it any more."""
    resumed_after: timedelta = timedelta(seconds=10)
    """From the approval until another process takes what is not done as left behind."""
    looks_every: timedelta = timedelta(seconds=2)
    """Pause between two looks for what was left behind or has lapsed."""


class Operations:
    """The verbs, and the background job `run`."""

    def __init__(
        self,
        client: Client,
        store: OperationStore,
        changes: Changes,
        requests: Requests,
        works: Mapping[str, Work],
        told: Told,
        *,
        keys: MasterKeys,
        clock: Clock,
        times: Times,
    ) -> None:
        """`works` by the kind of operation."""
        self._client = client
        self._store = store
        self._changes = changes
        self._requests = requests
        self._works = works
        self._told = told
        self._tokens = PageTokens(keys)
        self._clock = clock
        self._times = times
        self._running: set[str] = set()

    async def propose(self, asked: Asked, proposal: Proposal) -> Operation:
        """The operation, proposed; a provisional one is carried out when this returns.

        Raises:
            InvalidArgument: INVALID_FIELD.
            AlreadyExists: REQUEST_ID_REUSED.
            Refusal: what the work's check says.
            Unavailable: a provisional one has begun and will be carried out; retry with the same request_id.
        """
        work = self._check(proposal)

        async def body(session: Session) -> tuple[Operation, bool]:
            if (known := await self._known(session, asked)) is not None:
                return known, True
            await work.check(proposal)
            operation = self._proposed(proposal)
            if operation.is_provisional:
                await work.begin(session, operation)
            await self._store.insert(session, operation)
            await self._record(session, Step.PROPOSED, operation)
            await self._requests.remember(session, asked, operation.id.encode())
            return operation, False

        operation, is_retry = await in_transaction(self._client, body)
        if operation.is_provisional and operation.runs:
            operation = await self._carry_out(operation)
        return operation.as_proposed() if is_retry else operation

    async def approve(self, asked: Asked, operation_id: str) -> Operation:
        """The operation, done. `asked.user` is who approves.

        Raises:
            NotFound: there is no such operation.
            Denied: SECOND_PERSON_REQUIRED.
            FailedPrecondition: STATE_FORBIDS: it was declined, has lapsed, or another approved it.
            AlreadyExists: REQUEST_ID_REUSED.
            Unavailable: approved, and being carried out by whomever; retry with the same request_id to hear when it is done.
        """

        async def body(session: Session) -> Operation:
            if (known := await self._known(session, asked)) is not None:
                return known
            operation = await self._store.find(operation_id, session)
            is_begun = operation.is_provisional
            approved = operation.approved(asked.user, self._now())
            await self._move(session, Step.APPROVED, approved)
            if not is_begun:
                await self._works[approved.kind].begin(session, approved)
            await self._requests.remember(session, asked, approved.id.encode())
            return approved

        approved = await in_transaction(self._client, body)
        return await self._carry_out(approved) if approved.runs else approved

    async def decline(self, asked: Asked, operation_id: str) -> Operation:
        """The operation, declined. `asked.user` is who declines.

        Raises:
            NotFound, Denied, FailedPrecondition, AlreadyExists: as for approving.
        """

        async def body(session: Session) -> Operation:
            if (known := await self._known(session, asked)) is not None:
                return known
            operation = await self._store.find(operation_id, session)
            declined = operation.declined(asked.user, self._now())
            await self._end(session, Step.DECLINED, declined)
            await self._requests.remember(session, asked, declined.id.encode())
            return declined

        return await in_transaction(self._client, body)

    async def page(self, page_size: int, page_token: str) -> tuple[list[Operation], str]:
        """Operations, newest first, and the token of the next page, empty on the last.

        Raises:
            InvalidArgument: INVALID_FIELD or PAGE_TOKEN_INVALID.
        """
        if page_size < 0:
            raise InvalidArgument("INVALID_FIELD", "must not be negative", field="page_size")
        before = self._tokens.open(page_token) if page_token else None
        operations, place = await self._store.page(before, min(page_size or USUAL_PAGE, LONGEST_PAGE))
        return operations, "" if place is None else self._tokens.seal(place)

    async def run(self) -> None:
        """Carries out what was left behind and ends what has lapsed, as long as the process lives."""
        while True:
            try:
                await self.once()
            except PyMongoError as error:
                _log.warning("operations.waiting", kind=type(error).__name__)
            await asyncio.sleep(self._times.looks_every.total_seconds())

    async def once(self) -> None:
        """One look."""
        now = self._clock.now()
        async for operation in self._store.open_ones():
            if operation.id in self._running or operation.kind not in self._works:
                continue
            if operation.state is State.PROPOSED and now >= operation.expire_time:
                await self._guarded(operation, lapses=True)
            elif operation.runs and now >= (operation.begin_time or now) + self._times.resumed_after:
                await self._guarded(operation, lapses=False)

    async def _guarded(self, operation: Operation, *, lapses: bool) -> None:
        """One operation of a look; its failure is told and must not keep the others from their turn."""
        try:
            await (self._lapse(operation.id) if lapses else self._carry_out(operation))
        except PyMongoError:
            raise
        except Unavailable:
            _log.warning("operation.waiting", operation=operation.name)
        except EnvelopeError:
            return  # the store has raised the alarm
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told by its kind and tried again
            _log.error("operation.failing", operation=operation.name, kind=type(error).__name__)

    async def _carry_out(self, operation: Operation) -> Operation:
        self._running.add(operation.id)
        try:
            await self._works[operation.kind].run(operation)
        finally:
            self._running.discard(operation.id)

        async def body(session: Session) -> Operation:
            current = await self._store.find(operation.id, session)
            if not current.runs:
                return current
            done = current.done(self._now())
            await self._move(session, Step.DONE, done)
            return done

        return await in_transaction(self._client, body)

    async def _lapse(self, operation_id: str) -> None:
        async def body(session: Session) -> Operation | None:
            current = await self._store.find(operation_id, session)
            if current.state is not State.PROPOSED:
                return None
            expired = current.expired()
            await self._end(session, Step.EXPIRED, expired)
            return expired

        expired = await in_transaction(self._client, body)
        if expired is not None and expired.is_provisional:
            _log.error("operation.unconfirmed", operation=expired.name, of_kind=expired.kind)

    async def _end(self, session: Session, step: Step, ended: Operation) -> None:
        if ended.is_provisional:
            await self._works[ended.kind].undo(session, ended)
        await self._move(session, step, ended)

    async def _move(self, session: Session, step: Step, operation: Operation) -> None:
        await self._store.replace(session, operation)
        await self._record(session, step, operation)

    async def _record(self, session: Session, step: Step, operation: Operation) -> None:
        await self._changes.append(session, operation.name, self._told(step, operation), revision=operation.revision)

    async def _known(self, session: Session, asked: Asked) -> Operation | None:
        first = await self._requests.first_answer(session, asked)
        return None if first is None else await self._store.find(first.decode(), session)

    def _check(self, proposal: Proposal) -> Work:
        work = self._works.get(proposal.kind)
        if work is None:
            raise InvalidArgument("INVALID_FIELD", f"is one of {', '.join(sorted(self._works))}", field="kind")
        if not proposal.reason.strip() or len(proposal.reason) > LONGEST_REASON:
            raise InvalidArgument("INVALID_FIELD", f"required, at most {LONGEST_REASON} characters", field="reason")
        return work

    def _proposed(self, proposal: Proposal) -> Operation:
        now = self._now()
        return Operation(
            id=new_id(),
            kind=proposal.kind,
            target=proposal.target,
            reason=proposal.reason,
            state=State.PROPOSED,
            proposer=proposal.proposer,
            is_provisional=proposal.is_provisional,
            propose_time=now,
            expire_time=now + self._times.lapses_after,
        )

    def _now(self) -> datetime:
        # Milliseconds, as the store keeps them.
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
