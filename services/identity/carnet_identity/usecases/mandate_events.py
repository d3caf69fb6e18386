"""The events of mandates: opaque names and codes, whom they concern, and who besides the one who acted is to be told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from carnet.audit.v1.event_pb2 import Actor, Event
from carnet_platform.calls import Call
from carnet_platform.canonical import canonical_json
from carnet_recording.events import event_of, write_time

from carnet_identity.domain.mandate import Mandate

MANDATE_REGISTERED = "mandate.registered"
MANDATE_INVITED = "mandate.invited"
MANDATE_ACCEPTED = "mandate.accepted"
MANDATE_REFUSED = "mandate.refused"
MANDATE_EXPIRED = "mandate.expired"
MANDATE_SUSPENDED = "mandate.suspended"
MANDATE_ENDED = "mandate.ended"
MANDATE_ENDS_SOON = "mandate.ends_soon"
MANDATE_READ = "mandate.read"
MANDATES_LISTED = "mandates.listed"
PLACE_HIDDEN = "place_of_care.hidden"
PLACE_SHOWN = "place_of_care.shown"

_ITSELF = Actor(role="PLATFORM", software="spiffe://carnet/identity")


def mandate_event(
    kind: str, mandate: Mandate, call: Call | None, now: datetime, *, tell: Iterable[str] = (), change: str = "", motive: str = ""
) -> bytes:
    """What happened to a mandate, in a call, or by time where there is none. `change` is the kind of mandate unless a cause is given."""
    end = "" if mandate.end is None else write_time(mandate.end)
    told = _event(kind, call, now)
    told.subject, told.grantee, told.motive, told.end_time = mandate.name, mandate.mandatary, motive, end
    told.change = change or mandate.kind.value
    told.tell.extend(sorted(set(tell)))
    return canonical_json(told)


def place_event(kind: str, holder: str, structure: str, call: Call, now: datetime) -> bytes:
    """That a place of care is hidden from those who act for a person, or shown again. None of those is ever to be told."""
    tell = {holder} - {"" if call.user is None else call.user.subject}
    return canonical_json(event_of(call, kind, now, subject=holder, grantee=structure, tell=sorted(tell)))


def _event(kind: str, call: Call | None, now: datetime) -> Event:
    return Event(kind=kind, time=write_time(now), actor=_ITSELF) if call is None else event_of(call, kind, now)
