"""What every event of a call has, in one form: when, who acted and why, and the names by which the call is found again.

Promises: the same call gives the same actor, whichever service records it. Which kinds there are and what else an event says is for the
service that records it.
"""

from datetime import UTC, datetime
from typing import Any

from carnet.audit.v1.event_pb2 import Actor, Event
from carnet_platform.calls import Call


def event_of(call: Call, kind: str, now: datetime, **fields: Any) -> Event:  # noqa: ANN401  # Event's own fields
    """The event of a `kind` that happened in `call` at `now` (aware). `fields` are those of Event that its maker decides."""
    return Event(
        kind=kind,
        time=write_time(now),
        actor=actor_of(call),
        purpose="" if call.user is None else call.user.purpose,
        trace_id=call.trace_id,
        request_id=call.request_id,
        **fields,
    )


def actor_of(call: Call) -> Actor:
    """Who acts in a call: its user and the software his token was issued to; the calling software where there is no user."""
    user = call.user
    if user is None:
        return Actor(software=call.caller.name)
    return Actor(subject=user.subject, role=user.role, structure=user.organisation, software=user.software)


def write_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, of an aware instant."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
