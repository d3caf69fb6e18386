"""Refused calls: what the operators' stream is told of them."""

from carnet.audit.v1.event_pb2 import Event
from carnet_platform.calls import RefusedCall
from carnet_platform.errors import Unavailable
from carnet_recording.refused_calls import record_refused_calls
from google.protobuf import json_format
from support.hand_clock import HandClock

PORTAL = "spiffe://carnet/portal"


class Stream:
    """Takes events, unless it is down."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_down = False

    async def append(self, payload: bytes) -> int:
        if self.is_down:
            raise Unavailable("EVENT_NOT_DURABLE", "down")
        self.events.append(json_format.Parse(payload, Event()))
        return len(self.events)


def refused() -> RefusedCall:
    return RefusedCall("/a.B/C", PORTAL, "TOKEN_MISSING", "request", "trace")


async def test_a_refused_call_stands_in_nobodys_history() -> None:
    """A5: software, reason and the names of the call; no record and no user."""
    stream = Stream()
    calls = record_refused_calls(stream, HandClock())
    calls(refused())
    await calls.close()
    (event,) = stream.events
    assert (event.kind, event.time, event.record, event.actor.subject) == ("call.refused", "2026-03-01T00:00:00.000000Z", "", "")
    assert (event.actor.software, event.decision, event.reason, event.count) == (PORTAL, "deny", "TOKEN_MISSING", 0)
    assert (event.request_id, event.trace_id) == ("request", "trace")


async def test_repeated_refusals_are_one_event_with_their_count() -> None:
    """A5."""
    stream = Stream()
    calls = record_refused_calls(stream, HandClock())
    for _ in range(5):
        calls(refused())
    await calls.close()
    assert [event.count for event in stream.events] == [0, 4]


async def test_what_the_journal_does_not_take_is_recorded_later() -> None:
    stream = Stream()
    calls = record_refused_calls(stream, HandClock())
    stream.is_down = True
    calls(refused())
    await calls.close()
    stream.is_down = False
    await calls.close()
    assert [event.count for event in stream.events] == [1]
