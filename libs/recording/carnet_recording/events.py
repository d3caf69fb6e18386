"""What every event of a call has, in one form: when, who acted and why, and the names by which the call is found again.

Promises: the same call gives the same actor, whichever service records it. Which kinds there are and what else an event says is for the
service that records it.
"""

from datetime import UTC, datetime
from typing import Any

from carnet.audit.v1.event_pb2 import Actor, Event
from carnet_platform.calls import Call

_MANDATE = "mandate"
"""The claim of a token that names `mandates/{mandate}`."""
_AUTHENTICATION = "auth"
"""The claim of a token that says who vouches for its user where no identity provider does."""


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
    """Who acts in a call: its user under her own name, with the mandate she acts under; the calling software where there is no user.

    The software of a user is the one her token was issued to.
    """
    user = call.user
    if user is None:
        return Actor(software=call.caller.name)
    return Actor(
        subject=user.subject,
        role=user.role,
        structure=user.organisation,
        software=user.software,
        authentication=str(user.claims.get(_AUTHENTICATION, "")),
        mandate=str(user.claims.get(_MANDATE, "")),
    )


def write_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, of an aware instant."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
