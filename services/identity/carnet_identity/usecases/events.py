"""The events identity records, as canonical text: opaque names and codes, never a number of a person or a trait."""

from __future__ import annotations

from datetime import datetime

from carnet_platform.calls import Call
from carnet_platform.canonical import canonical_json
from carnet_recording.events import event_of

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
    return canonical_json(event_of(call, kind, now, decision=decision, reason=reason, subject=subject, change=change, count=count))
