"""Permits in hand: kept until they end, shared only by those who came before the question was sent, denials never kept."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from carnet.audit.v1 import event_pb2
from carnet_documents.domain.decision import Action, Allowed, Denial
from carnet_documents.domain.filter import DocumentFilter
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.refused_accesses import DEPOSIT_REFUSED, RefusedAccesses
from carnet_platform.calls import Call, Caller, User, current
from carnet_platform.errors import Denied, Unavailable
from google.protobuf import json_format
from support.hand_clock import HandClock
from support.waiting import begun, eventually

START = datetime(2026, 3, 1, tzinfo=UTC)
ALLOWED = Allowed(DocumentFilter(all_types=True), timedelta(milliseconds=400), None, "rule", "patients/p")


class Consent:
    """Answers when told to."""

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[Allowed | Denial]] = []
        self.deadlines: list[float | None] = []

    async def decide(self, record: str, purpose: str, action: Action) -> Allowed | Denial:
        del record, purpose, action
        self.deadlines.append(current.get().deadline)
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]


class Room:
    """Everything a test needs."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.consent = Consent()
        self.events: list[event_pb2.Event] = []
        self.is_down = False
        self.refused = RefusedAccesses(self.append, self.clock)
        self.decisions = Decisions(self.consent, self.clock, self.refused)
        as_user("professionals/p")

    async def append(self, payload: bytes) -> int:
        if self.is_down:
            raise Unavailable("EVENT_NOT_DURABLE", "down")
        self.events.append(json_format.Parse(payload, event_pb2.Event()))
        return len(self.events)

    async def asked(self, times: int) -> None:
        """Return once consent was asked that often."""
        await eventually(lambda: len(self.consent.answers) >= times)

    def ask(self, action: Action = Action.READ) -> "asyncio.Task[HeldPermit]":
        return asyncio.create_task(self.decisions.permit("r", action))


def as_user(subject: str, digest: str = "d") -> None:
    user = User(subject, "10", "", "structures/s", "TREATMENT", "sessions/s", "spiffe://carnet/software/gp", "t", "token", digest, START)
    current.set(Call("/m", "request", Caller("spiffe://carnet/software/gp", "t"), user, None, "", ""))


async def test_a_permit_in_hand_serves_until_it_ends() -> None:
    room = Room()
    first = room.ask()
    await room.asked(1)
    room.consent.answers[0].set_result(ALLOWED)
    held = await first

    room.clock.seconds += 0.399
    assert await room.ask() is held
    room.clock.seconds += 0.001
    room.ask()
    await room.asked(2)


async def test_it_counts_from_when_the_question_was_sent_and_ends_with_the_facts() -> None:
    room = Room()
    asked = room.ask()
    await room.asked(1)
    room.clock.seconds += 0.3
    room.consent.answers[0].set_result(Allowed(DocumentFilter(), timedelta(milliseconds=400), timedelta(milliseconds=350), "r", "p"))

    assert (await asked).until == pytest.approx(1000.35)


async def test_one_who_comes_later_does_not_share_a_denial_sent_before() -> None:
    """What was stated between must count: a consent given a moment ago."""
    room = Room()
    first = room.ask()
    await room.asked(1)
    room.clock.seconds += 0.01
    second, third = room.ask(), room.ask()
    await begun(second, third)
    assert len(room.consent.answers) == 1

    room.consent.answers[0].set_result(Denial("NEEDS_CONSENT", "ask", "rule"))
    await room.asked(2)
    assert len(room.consent.answers) == 2
    room.consent.answers[1].set_result(ALLOWED)
    with pytest.raises(Denied):
        await first
    assert await second is await third


async def test_other_tokens_and_actions_never_share() -> None:
    room = Room()
    room.ask()
    await room.asked(1)
    room.ask(Action.DEPOSIT)
    as_user("professionals/p", "other token")
    room.ask()
    await room.asked(3)


async def test_one_waiter_that_goes_away_takes_nothing_from_the_others() -> None:
    room = Room()
    first, second = room.ask(), room.ask()
    await room.asked(1)
    first.cancel()
    await eventually(first.done)
    room.consent.answers[0].set_result(ALLOWED)

    assert (await second).allowed is ALLOWED


async def test_a_question_has_a_deadline_of_its_own_and_not_the_first_askers() -> None:
    """A second asker with time enough must not fail because the first had none."""
    room = Room()
    call = replace(current.get(), deadline=room.clock.boottime() + 0.01)
    current.set(call)
    first = room.ask()
    current.set(replace(call, deadline=room.clock.boottime() + 10))
    second = room.ask()
    await room.asked(1)

    assert room.consent.deadlines == [room.clock.boottime() + 2]
    first.cancel()
    room.consent.answers[0].set_result(ALLOWED)
    assert (await second).allowed is ALLOWED
    assert len(room.consent.answers) == 1


async def test_refusals_of_a_minute_are_one_line_and_one_count() -> None:
    """A5."""
    room = Room()
    for _ in range(100):
        await room.refused.record("r", Denied("BLOCKED", "no"))
    await room.refused.record("r", Denied("NEEDS_CONSENT", "no"))
    assert [(event.reason, event.count) for event in room.events] == [("BLOCKED", 0), ("NEEDS_CONSENT", 0)]

    room.clock.seconds += 60
    await room.refused.record("r", Denied("BLOCKED", "no"))
    assert [(event.reason, event.count) for event in room.events[2:]] == [("BLOCKED", 99), ("BLOCKED", 0)]


async def test_a_refused_deposit_is_counted_apart_from_a_refused_access() -> None:
    room = Room()
    await room.refused.record("r", Denied("BLOCKED", "no"))
    await room.refused.record("r", Denied("BLOCKED", "no"), kind=DEPOSIT_REFUSED)

    assert [event.kind for event in room.events] == ["access.refused", "document.deposit_refused"]


async def test_a_refusal_that_cannot_be_written_is_not_told_and_not_lost() -> None:
    room = Room()
    room.is_down = True
    with pytest.raises(Unavailable):
        await room.refused.record("r", Denied("BLOCKED", "no"))
    room.is_down = False
    for _ in range(2):
        await room.refused.record("r", Denied("BLOCKED", "no"))
    room.is_down = True
    await room.refused.close()
    room.is_down = False
    await room.refused.close()

    assert [event.count for event in room.events] == [0, 1]
