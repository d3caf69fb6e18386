"""The events of consent: what the person will read in her history (`carnet.audit.v1.Event`). Kinds are listed in `KINDS`."""

from datetime import datetime

from carnet.audit.v1.event_pb2 import Event
from carnet_platform.canonical import canonical_json
from carnet_recording.events import write_time

from carnet_consent.domain.consent import (
    AttendingPhysician,
    Consent,
    DepositOpposition,
    Episode,
    NamedHide,
    Statement,
    StatementKind,
    Switches,
)
from carnet_consent.domain.destruction import LegalHold, Receipt
from carnet_consent.domain.filter import INVISIBLE_TO_REPRESENTATIVES, MASKED_FROM_PROFESSIONALS, DocumentFacts
from carnet_consent.domain.review import Review, ReviewState
from carnet_consent.usecases.acting import Acting

KINDS = frozenset(
    {
        "record.opened",
        "record.closing_announced",
        "record.closing_opposed",
        "record.closed",
        "record.reopened",
        "record.death_learnt",
        "record.death_undone",
        "record.opening_announced",
        "record.opening_opposed",
        "record.opened_as_announced",
        "record.imported",
        "record.closing_imported",
        "authorisation.imported",
        "care_relation.imported",
        "block.imported",
        "attending_physician.imported",
        "record.destruction_asked",
        "record.destruction_confirmed",
        "record.destruction_cancelled",
        "record.purge_announced",
        "record.destroying",
        "record.erased",
        "record.destroyed",
        "record.kept_states_deleted",
        "record.hold_set",
        "record.hold_lifted",
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
        "emergency.reviewed",
        "emergency.review_listed",
        "emergency.review_overdue",
        "emergency.rate_passed",
        "opening.budget_spent",
        "deposit.opposed",
        "deposit.allowed",
        "notice_preferences.updated",
        "default_visibility.updated",
        "care_contact.noted",
        "care_contact.rate_passed",
        "access.refused",
        "explanation.asked",
        "readers.asked",
        "preview.asked",
        "operation.refused",
    }
)

OWN_NAME = "spiffe://carnet/consent"
"""Who acts where a background job does."""
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


def own_event(kind: str, record: str, now: datetime) -> Event:
    """An event of what this service does by itself, when nobody asks."""
    if kind not in KINDS:
        raise ValueError(f"{kind} is not in the registry of events")
    made = Event(kind=kind, time=write_time(now), record=record)
    made.actor.role, made.actor.software = "PLATFORM", OWN_NAME
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
    """Tell all switches as they are now."""
    states = (
        ("ETREAT", switches.dispatch),
        ("BTG", switches.break_glass),
        ("MASKED", switches.masked_documents),
        ("DIRECTIVES", switches.directives),
    )
    made.change = " ".join(f"{name}={'on' if is_on else 'off'}" for name, is_on in states)
    return made


def about_default_visibility(made: Event, consent: Consent) -> Event:
    """Tell whether documents to come are masked."""
    made.change = f"{MASKED_FROM_PROFESSIONALS}={'on' if consent.masks_new_documents else 'off'}"
    return made


def about_closing(made: Event, consent: Consent, words: str = "") -> Event:
    """Tell why the record closes, as a code and in words, and until when that can be opposed."""
    if consent.closing is not None:
        made.change, made.motive = consent.closing.motive, words
        made.end_time = write_time(consent.closing.due) if consent.closing.closed is None else ""
    return made


def about_destruction(made: Event, consent: Consent) -> Event:
    """Tell why the record is destroyed, and until when it can be kept from that."""
    if consent.destruction is not None:
        made.change = consent.destruction.origin.value
        made.end_time = write_time(consent.destruction.due) if consent.destruction.begun is None else ""
    return made


def about_receipt(made: Event, receipt: Receipt) -> Event:
    """Tell who has erased what: the name of the participant and of its receipt."""
    made.change = f"{receipt.participant} {receipt.name}"
    return made


def about_certificate(made: Event, consent: Consent) -> Event:
    """Tell by which receipts, and from when on backups hold nothing of it."""
    if consent.destruction is not None and consent.destruction.backups_end is not None:
        made.change = " ".join(f"{one.participant}={one.name}" for one in consent.destruction.receipts)
        made.end_time = write_time(consent.destruction.backups_end)
    return made


def about_hold(made: Event, hold: LegalHold) -> Event:
    """Tell why a record is held."""
    made.motive = hold.reason
    return made


def about_hide(made: Event, hide: NamedHide) -> Event:
    """Tell which document, and from whom."""
    made.document, made.grantee = hide.document, hide.grantee
    return made


def about_physician(made: Event, physician: AttendingPhysician) -> Event:
    """Tell which doctor, and whether confirmed."""
    made.grantee, made.change = physician.professional, "CONFIRMED" if physician.is_confirmed else "PENDING"
    return made


def about_episode(made: Event, record: str, episode: Episode, reason: str = "", motive: str = "") -> Event:
    """Tell which emergency, until when, and the reason: in the professional's words, and as a code."""
    made.emergency_episode, made.end_time, made.motive = f"{record}/emergencyEpisodes/{episode.id}", write_time(episode.end), reason
    made.change = motive
    return made


def about_opposition(made: Event, opposition: DepositOpposition, reason: str = "") -> Event:
    """Tell whose deposits, of which class, are opposed, until when and why."""
    made.grantee, made.motive = opposition.author, reason
    made.change = f"JDV_J57 {opposition.document_class}" if opposition.document_class else ""
    made.end_time = write_time(opposition.end) if opposition.end is not None else ""
    return made


def about_review(made: Event, review: Review) -> Event:
    """Tell whose emergency access is reviewed, and what was found; nothing of the latter while it is awaited."""
    made.emergency_episode, made.grantee = review.episode, review.professional
    if review.state is not ReviewState.DUE:
        made.change, made.motive = review.state.value, review.words
    return made


def about_document(made: Event, document: DocumentFacts) -> Event:
    """Tell which document a question is about. What names a minor's secret is as secret (rules.md 12)."""
    made.document, made.document_type = document.name, document.document_type
    if INVISIBLE_TO_REPRESENTATIVES in document.labels:
        made.hidden_from.append("representatives")
    return made
