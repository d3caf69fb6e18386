"""The events identity records, as canonical text: opaque names and codes, never a number of a person or a trait."""

from __future__ import annotations

from datetime import UTC, datetime

from carnet.audit.v1 import event_pb2
from carnet_platform.calls import Call
from carnet_platform.canonical import canonical_json

PATIENT_REGISTERED = "patient.registered"
PATIENT_STATUS_RAISED = "patient.identity_status_raised"
PATIENT_LOOKED_UP = "patient.looked_up"
SESSION_REVOKED = "session.revoked"
SESSION_REFUSED = "session.refused"


def event(
    kind: str,
    call: Call,
    now: datetime,
    *,
    decision: str = "",
    reason: str = "",
    subject: str = "",
    change: str = "",
    count: int = 0,
) -> bytes:
    """The canonical text of what happened in `call` at `now` (UTC). `subject` is what it is about, `change` is in codes."""
    return canonical_json(
        event_pb2.Event(
            kind=kind,
            time=now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            actor=actor_of(call),
            purpose=call.user.purpose if call.user else "",
            decision=decision,
            reason=reason,
            subject=subject,
            change=change,
            count=count,
            trace_id=call.trace_id,
            request_id=call.request_id,
        )
    )


def actor_of(call: Call) -> event_pb2.Actor:
    """Who acts in a call: its user where there is one, and its software."""
    user = call.user
    if user is None:
        return event_pb2.Actor(software=call.caller.name)
    return event_pb2.Actor(subject=user.subject, role=user.role, structure=user.organisation, software=call.caller.name)
