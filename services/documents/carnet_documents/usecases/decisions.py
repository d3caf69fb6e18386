"""Permits in hand: the answers of Decide, kept until they end and no longer (architecture.md 5, step 3).

A permit serves every question of the same token, record, purpose and action until it ends. A question that finds none asks; one that
finds another in flight shares its answer only if it was sent after this one came, for an older one may miss what was stated since.
Denials are never kept. What a permit opens (the record's key) and measures by (the newest versions) is kept on it and ends with it.
A question runs in a context of its own: whoever shares its answer inherits neither the deadline nor the end of the first asker.
"""

import asyncio
from collections import OrderedDict
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from datetime import timedelta

from carnet_platform.calls import current, current_call, current_user
from carnet_platform.clock import Clock

from carnet_documents.domain.decision import Action, Allowed, Denial
from carnet_documents.storage.versions import Newest
from carnet_documents.usecases.ports import Consent
from carnet_documents.usecases.refusals import told_denial
from carnet_documents.usecases.refused_accesses import RefusedAccesses

_MOST = 4096
PATIENCE = timedelta(seconds=2)
_Key = tuple[str, str, str, Action]


@dataclass(slots=True)
class HeldPermit:
    """A permit in hand. ``sent`` and ``until`` are boot-time seconds: when it was asked for, when it ends."""

    allowed: Allowed
    sent: float
    until: float
    record_key: bytes | None = field(default=None, repr=False)
    newest: Newest | None = field(default=None, repr=False)

    @property
    def usable_for(self) -> timedelta:
        """How long after ``sent`` it may be used."""
        return timedelta(seconds=self.until - self.sent)


@dataclass(slots=True)
class _Flight:
    """A question on its way."""

    sent: float
    answer: "asyncio.Task[HeldPermit | Denial]"


class Decisions:
    """Gives permits."""

    def __init__(self, consent: Consent, clock: Clock, refused: RefusedAccesses, patience: timedelta = PATIENCE) -> None:
        self._consent = consent
        self._clock = clock
        self._refused = refused
        self._patience = patience
        self._held: OrderedDict[_Key, HeldPermit] = OrderedDict()
        self._flights: dict[_Key, _Flight] = {}

    async def permit(self, record: str, action: Action) -> HeldPermit:
        """A usable permit for the user of the call in hand. Raises the denial as a ``Refusal`` once it is written down."""
        answer = await self.ask(record, action)
        if isinstance(answer, HeldPermit):
            return answer
        refusal = told_denial(answer)
        await self._refused.record(record if answer.is_about_a_record else "", refusal, rule=answer.rule)
        raise refusal

    async def ask(self, record: str, action: Action) -> HeldPermit | Denial:
        """The same, with the denial as an answer and nothing written down."""
        user = current_user()
        key = (user.token_digest, record, user.purpose, action)
        came = self._clock.boottime()
        while True:
            held = self._held.get(key)
            if held is not None and self._clock.boottime() < held.until:
                return held
            flight = self._flights.get(key)
            if flight is None:
                flight = self._send(key)
            elif flight.sent < came:
                await asyncio.wait([flight.answer])
                continue
            # Shielded: one waiter that goes away must not take the answer from the others.
            return await asyncio.shield(flight.answer)

    def _send(self, key: _Key) -> _Flight:
        sent = self._clock.boottime()
        flight = _Flight(sent, asyncio.create_task(self._decide(key, sent), context=self._own_context(sent)))
        self._flights[key] = flight
        flight.answer.add_done_callback(lambda task: self._landed(key, task))
        return flight

    def _own_context(self, sent: float) -> Context:
        call = replace(current_call(), deadline=sent + self._patience.total_seconds())
        context = copy_context()
        context.run(current.set, call)
        return context

    def _landed(self, key: _Key, task: "asyncio.Task[HeldPermit | Denial]") -> None:
        self._flights.pop(key, None)
        if not task.cancelled():
            task.exception()  # looked at, so that an answer nobody waits for any more is not reported as lost

    async def _decide(self, key: _Key, sent: float) -> HeldPermit | Denial:
        _, record, purpose, action = key
        answer = await self._consent.decide(record, purpose, action)
        if isinstance(answer, Denial):
            return answer
        usable = answer.usable_for if answer.ends_in is None else min(answer.usable_for, answer.ends_in)
        held = HeldPermit(answer, sent, sent + usable.total_seconds())
        self._keep(key, held)
        return held

    def _keep(self, key: _Key, held: HeldPermit) -> None:
        now = self._clock.boottime()
        # Kept in the order they were asked for, so what has ended is at the front.
        while self._held and (len(self._held) >= _MOST or next(iter(self._held.values())).until <= now):
            self._held.popitem(last=False)
        self._held.pop(key, None)
        self._held[key] = held
