"""Stops and resumes what sessions name, as two operators want it (architecture.md 3; the frame is `carnet_platform.operations`).

A stop lasts until it is resumed, in two parts that begin in one transaction:
1. `storage/stops.py` notes it: no session is opened any more for what it names (`open_session.py`);
2. a withdrawal (`withdraw.py`) ends the tokens in hand: consent is told and keeps it as long as they live; done 505 ms later.
So nothing long-lived is needed at consent, but for certificates and programs: a service brings other users' tokens, so consent is told of
a stopped one again and again (`renew_stops.py`).

A resumption takes the first part back. Whoever was stopped within the last minutes waits until the second has ended by itself: seven
minutes, for a certificate or program sixteen. It never ends anything earlier, for it could be another's withdrawal.

A session is not noted: it is marked as ended, for ever, and its one name is withdrawn.

Refused before anybody is asked: a target that nobody has, so that a slip of the pen at night is not taken for a stop; the program
of the one who asks and its certificate, because nobody could resume it; resuming what is not stopped.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import FailedPrecondition, InvalidArgument, NotFound
from carnet_platform.mongo import Session as StoreSession
from carnet_platform.operations import Operation, Proposal

from carnet_identity.domain.stop import Stop, parse_target
from carnet_identity.domain.token_names import names_of
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.usecases.events import STOP_LIFTED, STOP_SET, stop_event
from carnet_identity.usecases.ports import ChangeRecord, Due, Sessions, Stops
from carnet_identity.usecases.withdraw import Withdraw

_WITHDRAWALS = uuid.UUID("3f0f3b0e-5a3b-5d5f-8f0f-8f5f6f1f7a55")
_SUBJECT = "stops/all"
Exists = Mapping[str, Callable[[str], Awaitable[bool]]]
"""By the kind of a target, e.g. `professionals`: whether there is one of an id."""


class StopWork:
    """The work of operations of kind `stop`."""

    def __init__(
        self,
        stops: Stops,
        sessions: Sessions,
        due: Due,
        withdraw: Withdraw,
        changes: ChangeRecord,
        exists: Exists,
        clock: Clock,
        *,
        tokens_live: timedelta,
    ) -> None:
        self._stops = stops
        self._sessions = sessions
        self._due = due
        self._withdraw = withdraw
        self._changes = changes
        self._exists = exists
        self._clock = clock
        self._tokens_live = tokens_live

    async def check(self, proposal: Proposal) -> None:
        """Whether there is anything to stop.

        Raises:
            BrokenRule: INVALID_FIELD, for a target of another form.
            NotFound: nobody has this name.
            FailedPrecondition: STATE_FORBIDS, for one's own certificate or program.
        """
        kind, *parts = parse_target(proposal.target)
        caller = current_call().caller
        if proposal.target in names_of(
            session="", subject="", organisation="", mandate="", certificates=(caller.thumbprint,), callers=(caller.name,)
        ):
            raise FailedPrecondition("STATE_FORBIDS", "is what this call comes from: nobody could resume it here", field="target")
        if kind == "certificates":
            return
        if kind == "callers":
            parts = ["/".join(parts)]
        names = [("professionals", parts[0]), ("structures", parts[1])] if kind == "activities" else [(kind, parts[0])]
        for name in names:
            if not await self._exists[name[0]](name[1]):
                raise NotFound("NOT_FOUND", "there is nothing of this name to stop", field="target")

    async def begin(self, session: StoreSession, operation: Operation) -> None:
        """Notes the stop, and consent as to be told."""
        kind, *parts = parse_target(operation.target)
        if kind == "sessions":
            await self._sessions.revoke(session, parts[0], operation.begin_time or operation.propose_time)
        else:
            stop = Stop(operation.target, operation.name)
            revision = await self._stops.change(session, lambda stops: stops | {stop})
            if revision is not None:
                payload = stop_event(STOP_SET, operation.target, operation.name, self._clock.now())
                await self._changes.append(session, _SUBJECT, payload, revision=revision)
        await self._due.add([self._withdrawal(operation)], session)

    async def run(self, operation: Operation) -> None:
        """Tells consent and waits until nothing more is released. Unavailable: consent does not answer."""
        await self._withdraw.finish([self._withdrawal(operation)])

    async def undo(self, session: StoreSession, operation: Operation) -> None:
        """Takes back the stop that this operation made; one that others made stays."""
        stop = Stop(operation.target, operation.name)
        revision = await self._stops.change(session, lambda stops: stops - {stop})
        if revision is not None:
            payload = stop_event(STOP_LIFTED, operation.target, operation.name, self._clock.now())
            await self._changes.append(session, _SUBJECT, payload, revision=revision)

    def _withdrawal(self, operation: Operation) -> Withdrawal:
        # The same for whoever carries the operation out and however often: made of nothing but the operation.
        request_id = str(uuid.uuid5(_WITHDRAWALS, operation.name))
        begin = operation.begin_time or operation.propose_time
        return Withdrawal(subject=operation.target, request_id=request_id, expire_time=begin + self._tokens_live)


class ResumeWork:
    """The work of operations of kind `resume`."""

    def __init__(self, stops: Stops, changes: ChangeRecord, clock: Clock) -> None:
        self._stops = stops
        self._changes = changes
        self._clock = clock

    async def check(self, proposal: Proposal) -> None:
        """Whether there is anything to resume.

        Raises:
            BrokenRule: INVALID_FIELD.
            InvalidArgument: INVALID_FIELD, for one at once.
            FailedPrecondition: STATE_FORBIDS, for what is not stopped.
        """
        parse_target(proposal.target)
        if proposal.is_provisional:
            raise InvalidArgument("INVALID_FIELD", "only a stop is done at the word of one", field="emergency")
        if proposal.target not in {stop.target for stop in await self._stops.standing()}:
            raise FailedPrecondition("STATE_FORBIDS", "this is not stopped", field="target")

    async def begin(self, session: StoreSession, operation: Operation) -> None:
        """Takes back every stop of the target."""
        revision = await self._stops.change(session, lambda stops: frozenset(stop for stop in stops if stop.target != operation.target))
        if revision is not None:
            payload = stop_event(STOP_LIFTED, operation.target, operation.name, self._clock.now())
            await self._changes.append(session, _SUBJECT, payload, revision=revision)

    async def run(self, operation: Operation) -> None:
        """Nothing is left to do."""

    async def undo(self, session: StoreSession, operation: Operation) -> None:
        """None of them is done at the word of one, so there is nothing to undo."""
