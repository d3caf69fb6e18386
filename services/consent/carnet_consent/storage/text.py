"""The stored text of a record's consent: canonical JSON, whose seal is checked over the stored bytes before anything is read from them.

Instants are microseconds since 1970, UTC. Short lists in a fixed order keep it small; a field is only ever added at the end.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from carnet_consent.domain.consent import (
    AttendingPhysician,
    Consent,
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
    e, s = consent.evidence, consent.switches
    content = {
        "record": consent.record,
        "patient": consent.patient,
        "state": consent.state.value,
        "revision": consent.revision,
        "opened": _micros(consent.opened),
        "evidence": [e.form, e.form_version, e.method, e.collected_by, _micros(e.collected)],
        "switches": [s.dispatch, s.break_glass, s.masked_documents],
        "statements": [
            [t.id, t.grantee, t.kind.value, _micros(t.start), None if t.end is None else _micros(t.end), t.stated_by, t.motive]
            for t in consent.statements
        ],
        "attending_physicians": [[a.professional, a.is_confirmed] for a in consent.attending_physicians],
        "hides": [[h.document, h.grantee] for h in consent.hides],
        "episodes": [[p.id, p.professional, p.structure, _micros(p.begin), _micros(p.end)] for p in consent.episodes],
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@lru_cache(maxsize=2048)
def from_text(text: bytes) -> Consent:
    """The consent stored as these bytes. A function of the bytes alone: remembering it keeps no decision and nothing that can grow stale.

    Raises ValueError, KeyError or TypeError for bytes that `to_text` did not make.
    """
    content: dict[str, Any] = json.loads(text)
    form, form_version, method, collected_by, collected = content["evidence"]
    return Consent(
        record=content["record"],
        patient=content["patient"],
        state=RecordState(content["state"]),
        revision=content["revision"],
        opened=_instant(content["opened"]),
        evidence=Evidence(form, form_version, method, collected_by, _instant(collected)),
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
    )


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
