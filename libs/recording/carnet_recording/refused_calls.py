"""Calls refused before it is known for whom they are made: in the operators' stream.

They stand in nobody's history, for they are about no record (docs/architecture.md, promise 1).
"""

from typing import Protocol

from carnet.audit.v1.event_pb2 import Actor, Event
from carnet_platform.calls import RefusedCall
from carnet_platform.canonical import canonical_json
from carnet_platform.clock import Clock
from carnet_platform.refused_calls import RefusedCalls

from carnet_recording.events import write_time

CALL_REFUSED = "call.refused"


class EventRecord(Protocol):
    """The platform's journal."""

    async def append(self, payload: bytes) -> int:
        """Durable on return; Unavailable otherwise."""
        ...


def record_refused_calls(journal: EventRecord, clock: Clock) -> RefusedCalls:
    """What is to hear of refused calls; it records them in `journal`."""

    async def write(refused: RefusedCall, count: int) -> None:
        event = Event(
            kind=CALL_REFUSED,
            time=write_time(clock.now()),
            actor=Actor(software=refused.caller),
            decision="deny",
            reason=refused.reason,
            count=count,
            trace_id=refused.trace_id,
            request_id=refused.request_id,
        )
        await journal.append(canonical_json(event))

    return RefusedCalls(write, clock)
