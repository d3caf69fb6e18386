"""The events identity records, as canonical text: opaque names and codes, never a number of a person or a trait."""

from __future__ import annotations

from datetime import datetime

from carnet.audit.v1.event_pb2 import Actor, Event
from carnet_platform.calls import Call, current_call
from carnet_platform.canonical import canonical_json
from carnet_recording.events import event_of, write_time

from carnet_identity.domain.authentication import Authentication
from carnet_identity.domain.session import Session

OWN_NAME = "spiffe://carnet/identity"
"""Who acts where a background job does."""
PATIENT_REGISTERED = "patient.registered"
PATIENT_STATUS_RAISED = "patient.identity_status_raised"
PATIENT_LOOKED_UP = "patient.looked_up"
PATIENT_SEARCHED = "patient.searched"
PATIENT_CANDIDATE_SHOWN = "patient.candidate_shown"
PATIENT_CANDIDATE_CHOSEN = "patient.candidate_chosen"
PATIENT_CANDIDATE_SET_ASIDE = "patient.candidate_set_aside"
PATIENT_SEARCH_SETTLED = "patient.search_settled"
PATIENT_RATE_PASSED = "patient.rate_passed"
PATIENT_COMPARED = "patient.compared"
PATIENT_UPDATED = "patient.updated"
PATIENT_STATUS_CHANGED = "patient.identity_status_changed"
PATIENT_INS_REPLACED = "patient.ins_replaced"
PATIENT_DEATH_RECORDED = "patient.death_recorded"
PATIENT_DEATH_UNDONE = "patient.death_undone"
COMPARISON_SETTLED = "comparison.settled"
CONTACT_CHANNEL_ADDED = "contact_channel.added"
CONTACT_CHANNEL_VERIFIED = "contact_channel.verified"
CONTACT_CHANNEL_REMOVED = "contact_channel.removed"
SESSION_OPENED = "session.opened"
SESSION_REVOKED = "session.revoked"
SESSION_REFUSED = "session.refused"
OPERATION_REFUSED = "operation.refused"
STOP_SET = "stop.set"
STOP_LIFTED = "stop.lifted"


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
    motive: str = "",
) -> bytes:
    """The canonical text of what happened in `call` at `now` (UTC).

    `subject` is what it is about, `change` is in codes, `motive` in the words of who acted: events are sealed wherever they are kept.
    """
    return canonical_json(
        event_of(call, kind, now, decision=decision, reason=reason, subject=subject, change=change, count=count, motive=motive)
    )


def opened_event(session: Session, authentication: Authentication, call: Call, now: datetime, *, mandate: str = "") -> bytes:
    """The canonical text of a session's beginning: its user is the one who acts, and `change` says how it is known who that is.

    `mandate` is the one under which she acts for another, empty for none.
    """
    opened = event_of(call, SESSION_OPENED, now, decision="permit", subject=session.name, change=authentication.codes)
    opened.purpose = session.purpose
    actor = Actor(
        subject=session.subject,
        role=session.role,
        structure=session.organisation,
        software=session.software,
        authentication=authentication.by,
        mandate=mandate,
    )
    opened.actor.CopyFrom(actor)
    return canonical_json(opened)


def stop_event(kind: str, target: str, operation: str, now: datetime) -> bytes:
    """The canonical text of a stop that begins or ends: of whom, by which operation (`change`); whoever approved acts, or nobody."""
    try:
        stopped = event_of(current_call(), kind, now)
    except LookupError:
        # A background job ends what nobody confirmed.
        stopped = Event(kind=kind, time=write_time(now), actor=Actor(software=OWN_NAME))
    stopped.subject, stopped.change = target, operation
    if target.startswith("patients/"):
        stopped.tell.append(target)
    return canonical_json(stopped)
