"""What reading and exporting a history share: the decision, the event before the release, the permit it is sent under.

The history is the holder's: consent decides (ACTION_READ_HISTORY) for the purpose of the token. A refusal is written before it is
told. The view is the patient's for the holder herself and the representatives' for anyone else consent lets in.
"""

import asyncio
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import timedelta

from carnet.audit.v1.event_pb2 import Event
from carnet_platform.calls import current, current_call, current_user
from carnet_platform.clock import Clock
from carnet_platform.errors import Denied, FailedPrecondition, NotFound, Refusal, Unauthenticated
from carnet_platform.permits import Permit, release_under

from carnet_audit.clients.consent import Consent, Decision
from carnet_audit.usecases.own_events import OwnEvents

_AFTERWARDS = timedelta(seconds=2)
"""How long what is told of a release that failed may take, however little the call that failed has left."""

_KINDS: dict[str, type[Refusal]] = {
    "NOT_FOUND": NotFound,
    "NO_RECORD": NotFound,
    "RECORD_CLOSED": FailedPrecondition,
    "RECORD_DESTROYED": FailedPrecondition,
    "SESSION_WITHDRAWN": Unauthenticated,
}


@dataclass(frozen=True)
class Allowed:
    """Who may read what: the record, the view, and the decision it rests on."""

    record: str
    view: str
    decision: Decision


class HistoryRelease:
    """Decides, records, releases."""

    def __init__(self, consent: Consent, events: OwnEvents, clock: Clock) -> None:
        self._consent, self._events, self._clock = consent, events, clock

    async def allow(self, record: str) -> Allowed:
        """The permission to read the history of `records/{record}`. Raises the refusal once it is written."""
        user = current_user()
        decision = await self._consent.decide(record, user.purpose)
        if decision.reason:
            told = record if decision.is_about_a_record else ""
            event = self._events.make("access.refused", told, decision="deny", rule=decision.rule, reason=decision.reason)
            await self._events.write_refusal(event)
            raise _KINDS.get(decision.reason, Denied)(decision.reason, decision.message)
        return Allowed(record, "patient" if user.subject == decision.patient else "representatives", decision)

    async def announce(self, allowed: Allowed, kind: str) -> None:
        """Write that the history is released or about to be, and have every message from here on sent under the permit."""
        await self._events.write(self._events.make(kind, allowed.record, decision="permit", rule=allowed.decision.rule))
        release_under(self._permit(allowed))

    def _permit(self, allowed: Allowed) -> Permit:
        async def renew() -> Permit | None:
            decision = await self._consent.decide(allowed.record, current_user().purpose)
            if decision.reason or decision.patient != allowed.decision.patient:
                return None
            return self._permit(Allowed(allowed.record, allowed.view, decision))

        async def withdrawn() -> None:
            event = self._events.make("release.withdrawn", allowed.record, decision="deny", reason="PERMIT_WITHDRAWN")
            await self._write_afterwards(event)

        async def late() -> None:
            await self._write_afterwards(self._events.make("release.late", allowed.record, decision="permit"))

        decision = allowed.decision
        return Permit(self._clock, decision.sent, decision.usable_for, renew=renew, withdrawn=withdrawn, late=late)

    async def _write_afterwards(self, event: Event) -> None:
        """Write in a task with a deadline of its own, which the end of the call that overslept does not reach."""
        context = copy_context()
        context.run(current.set, replace(current_call(), deadline=self._clock.boottime() + _AFTERWARDS.total_seconds()))
        await asyncio.shield(asyncio.get_running_loop().create_task(self._events.write(event), context=context))
