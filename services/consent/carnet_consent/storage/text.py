"""The stored text of a record's consent: canonical JSON, whose seal is checked over the stored bytes before anything is read from them.

Instants are microseconds since 1970, UTC. Short lists in a fixed order keep it small; a field is only ever added at the end.
"""

import json
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
from carnet_consent.storage.destruction_text import destruction_of, destruction_text, holds_of, holds_text
from carnet_consent.storage.instants import instant_of, instant_or_none, micros_of, micros_or_none


def to_text(consent: Consent) -> bytes:
    """The bytes to store and seal."""
    s = consent.switches
    content = {
        "record": consent.record,
        "patient": consent.patient,
        "state": consent.state.value,
        "revision": consent.revision,
        "opened": micros_of(consent.opened),
        "evidence": _evidence(consent.evidence),
        "switches": [s.dispatch, s.break_glass, s.masked_documents, s.directives],
        "statements": [
            [t.id, t.grantee, t.kind.value, micros_of(t.start), None if t.end is None else micros_of(t.end), t.stated_by, t.motive]
            for t in consent.statements
        ],
        "attending_physicians": [[a.professional, a.is_confirmed] for a in consent.attending_physicians],
        "hides": [[h.document, h.grantee] for h in consent.hides],
        "episodes": [[p.id, p.professional, p.structure, micros_of(p.begin), micros_of(p.end)] for p in consent.episodes],
        "life": _life(consent),
        "muted_letters": list(consent.muted_letters),
        "oppositions": [[o.id, o.author, o.document_class, micros_or_none(o.end)] for o in consent.oppositions],
        "masks_new_documents": consent.masks_new_documents,
        "destruction": destruction_text(consent.destruction),
        "holds": holds_text(consent.holds),
        "muted_pushes": list(consent.muted_pushes),
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@lru_cache(maxsize=512)
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
        opened=instant_of(content["opened"]),
        evidence=_evidence_of(content["evidence"]),
        switches=Switches(*content["switches"]),
        statements=tuple(
            Statement(name, grantee, StatementKind(kind), instant_of(start), None if end is None else instant_of(end), stated_by, motive)
            for name, grantee, kind, start, end, stated_by, motive in content["statements"]
        ),
        attending_physicians=tuple(AttendingPhysician(*one) for one in content["attending_physicians"]),
        hides=tuple(NamedHide(*one) for one in content["hides"]),
        episodes=tuple(
            Episode(name, professional, structure, instant_of(begin), instant_of(end))
            for name, professional, structure, begin, end in content["episodes"]
        ),
        closing=_closing_of(closing),
        renewed=None if renewed is None else _evidence_of(renewed),
        opening_due=instant_or_none(opening_due),
        person_revision=person_revision,
        muted_letters=tuple(content.get("muted_letters", ())),
        oppositions=tuple(
            DepositOpposition(name, author, document_class, instant_or_none(end))
            for name, author, document_class, end in content.get("oppositions", ())
        ),
        masks_new_documents=content.get("masks_new_documents", False),
        destruction=destruction_of(content.get("destruction")),
        holds=holds_of(content.get("holds", ())),
        muted_pushes=tuple(content.get("muted_pushes", ())),
    )


def _life(consent: Consent) -> list[Any]:
    closing = consent.closing
    told = None
    if closing is not None:
        ends = (micros_or_none(closing.closed), micros_or_none(closing.destroy), micros_or_none(closing.announce))
        told = [closing.motive, _evidence(closing.evidence), micros_of(closing.due), *ends]
    renewed = None if consent.renewed is None else _evidence(consent.renewed)
    return [told, renewed, micros_or_none(consent.opening_due), consent.person_revision]


def _closing_of(told: list[Any] | None) -> Closing | None:
    if told is None:
        return None
    motive, evidence, due, *ends = told  # closed and destroyed when; announced when, in what was closed since that is
    return Closing(motive, _evidence_of(evidence), instant_of(due), *map(instant_or_none, ends))


def _evidence(e: Evidence) -> list[Any]:
    return [e.form, e.form_version, e.method, e.collected_by, micros_of(e.collected)]


def _evidence_of(told: list[Any]) -> Evidence:
    form, form_version, method, collected_by, collected = told
    return Evidence(form, form_version, method, collected_by, instant_of(collected))
