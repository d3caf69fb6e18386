"""The events of consent: what the person will read in her history (`carnet.audit.v1.Event`). Kinds are listed in `KINDS`."""

from datetime import datetime

from carnet.audit.v1.event_pb2 import Event
from carnet_platform.canonical import canonical_json
from carnet_recording.events import write_time

from carnet_consent.domain.consent import AttendingPhysician, Episode, NamedHide, Statement, StatementKind, Switches
from carnet_consent.usecases.acting import Acting

KINDS = frozenset(
    {
        "record.opened",
        "authorisation.created",
        "authorisation.deleted",
        "care_relation.created",
        "care_relation.deleted",
        "block.created",
        "block.deleted",
        "switches.updated",
        "document.hidden",
        "document.unhidden",
        "attending_physician.declared",
        "attending_physician.confirmed",
        "attending_physician.ended",
        "emergency.opened",
        "emergency.joined",
        "emergency.ended",
        "access.refused",
    }
)

_NOUNS = {StatementKind.CARE_RELATION: "care_relation", StatementKind.BLOCK: "block"}


def event(kind: str, record: str, acting: Acting, now: datetime, request_id: str = "") -> Event:
    """An event of this kind, with who acted; the rest is for its maker to fill."""
    if kind not in KINDS:
        raise ValueError(f"{kind} is not in the registry of events")
    made = Event(
        kind=kind, time=write_time(now), record=record, purpose=acting.asker.purpose, trace_id=acting.trace_id, request_id=request_id
    )
    made.actor.subject = acting.asker.subject
    made.actor.role = acting.asker.role
    made.actor.structure = acting.asker.structure
    made.actor.software = acting.software
    made.actor.authentication = acting.authentication
    made.actor.mandate = acting.asker.mandate.name if acting.asker.mandate is not None else ""
    return made


def payload(made: Event) -> bytes:
    """The canonical text that the log commits to."""
    return canonical_json(made)


def about_statement(made: Event, statement: Statement) -> Event:
    """Tell whom a statement is about, what it says, until when and why."""
    made.grantee, made.change, made.motive = statement.grantee, statement.kind.value, statement.motive
    made.end_time = write_time(statement.end) if statement.end is not None else ""
    return made


def statement_kind(statement: Statement, what: str) -> str:
    """The kind of event of a statement: `block.created` and the like."""
    return f"{_NOUNS.get(statement.kind, 'authorisation')}.{what}"


def about_switches(made: Event, switches: Switches) -> Event:
    """Tell all three switches as they are now."""
    states = (("ETREAT", switches.dispatch), ("BTG", switches.break_glass), ("MASKED", switches.masked_documents))
    made.change = " ".join(f"{name}={'on' if is_on else 'off'}" for name, is_on in states)
    return made


def about_hide(made: Event, hide: NamedHide) -> Event:
    """Tell which document, and from whom."""
    made.document, made.grantee = hide.document, hide.grantee
    return made


def about_physician(made: Event, physician: AttendingPhysician) -> Event:
    """Tell which doctor, and whether confirmed."""
    made.grantee, made.change = physician.professional, "CONFIRMED" if physician.is_confirmed else "PENDING"
    return made


def about_episode(made: Event, record: str, episode: Episode, reason: str = "") -> Event:
    """Tell which emergency, until when, and the reason in the professional's words."""
    made.emergency_episode, made.end_time, made.motive = f"{record}/emergencyEpisodes/{episode.id}", write_time(episode.end), reason
    return made
