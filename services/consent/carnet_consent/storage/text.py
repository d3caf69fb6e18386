"""The stored text of a record's consent: canonical JSON, whose seal is checked over the stored bytes before anything is read from them.

Instants are microseconds since 1970, UTC. Short lists in a fixed order keep it small; a field is only ever added at the end.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from carnet_consent.domain.consent import (
    AttendingPhysician,
    Closing,
    Consent,
    DepositOpposition,
    Episode,
    Evidence,
    NamedHide,
    RecordState,
    Statement,
    StatementKind,
    Switches,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_text(consent: Consent) -> bytes:
    """The bytes to store and seal."""
    s = consent.switches
    content = {
        "record": consent.record,
        "patient": consent.patient,
        "state": consent.state.value,
        "revision": consent.revision,
        "opened": _micros(consent.opened),
        "evidence": _evidence(consent.evidence),
        "switches": [s.dispatch, s.break_glass, s.masked_documents, s.directives],
        "statements": [
            [t.id, t.grantee, t.kind.value, _micros(t.start), None if t.end is None else _micros(t.end), t.stated_by, t.motive]
            for t in consent.statements
        ],
        "attending_physicians": [[a.professional, a.is_confirmed] for a in consent.attending_physicians],
        "hides": [[h.document, h.grantee] for h in consent.hides],
        "episodes": [[p.id, p.professional, p.structure, _micros(p.begin), _micros(p.end)] for p in consent.episodes],
        "life": _life(consent),
        "muted_letters": list(consent.muted_letters),
        "oppositions": [[o.id, o.author, o.document_class, _micros_or_none(o.end)] for o in consent.oppositions],
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@lru_cache(maxsize=2048)
def from_text(text: bytes) -> Consent:
    """The consent stored as these bytes. A function of the bytes alone: remembering it keeps no decision and nothing that can grow stale.

    Raises ValueError, KeyError or TypeError for bytes that `to_text` did not make.
    """
    content: dict[str, Any] = json.loads(text)
    closing, renewed, opening_due, person_revision = content.get("life", (None, None, None, 0))
    return Consent(
        record=content["record"],
        patient=content["patient"],
        state=RecordState(content["state"]),
        revision=content["revision"],
        opened=_instant(content["opened"]),
        evidence=_evidence_of(content["evidence"]),
        switches=Switches(*content["switches"]),
        statements=tuple(
            Statement(name, grantee, StatementKind(kind), _instant(start), None if end is None else _instant(end), stated_by, motive)
            for name, grantee, kind, start, end, stated_by, motive in content["statements"]
        ),
        attending_physicians=tuple(AttendingPhysician(*one) for one in content["attending_physicians"]),
        hides=tuple(NamedHide(*one) for one in content["hides"]),
        episodes=tuple(
            Episode(name, professional, structure, _instant(begin), _instant(end))
            for name, professional, structure, begin, end in content["episodes"]
        ),
        closing=_closing_of(closing),
        renewed=None if renewed is None else _evidence_of(renewed),
        opening_due=_instant_or_none(opening_due),
        person_revision=person_revision,
        muted_letters=tuple(content.get("muted_letters", ())),
        oppositions=tuple(
            DepositOpposition(name, author, document_class, _instant_or_none(end))
            for name, author, document_class, end in content.get("oppositions", ())
        ),
    )


def _life(consent: Consent) -> list[Any]:
    closing = consent.closing
    told = None
    if closing is not None:
        ends = (_micros_or_none(closing.closed), _micros_or_none(closing.destroy))
        told = [closing.motive, _evidence(closing.evidence), _micros(closing.due), *ends]
    renewed = None if consent.renewed is None else _evidence(consent.renewed)
    return [told, renewed, _micros_or_none(consent.opening_due), consent.person_revision]


def _closing_of(told: list[Any] | None) -> Closing | None:
    if told is None:
        return None
    motive, evidence, due, closed, destroy = told
    return Closing(motive, _evidence_of(evidence), _instant(due), _instant_or_none(closed), _instant_or_none(destroy))


def _evidence(e: Evidence) -> list[Any]:
    return [e.form, e.form_version, e.method, e.collected_by, _micros(e.collected)]


def _evidence_of(told: list[Any]) -> Evidence:
    form, form_version, method, collected_by, collected = told
    return Evidence(form, form_version, method, collected_by, _instant(collected))


def _micros_or_none(instant: datetime | None) -> int | None:
    return None if instant is None else _micros(instant)


def _instant_or_none(micros: int | None) -> datetime | None:
    return None if micros is None else _instant(micros)


def micros_of(instant: datetime) -> int:
    """An instant as the text has it."""
    return _micros(instant)


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
