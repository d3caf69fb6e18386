"""What is sealed of a mandate: everything, as one text, padded so that its length does not tell whether an invitation fits somebody."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from carnet_identity.domain.mandate import Mandate, MandateKind, MandateRelation, MandateState

_BLOCK = 1024


def padded(text: bytes, block: int = _BLOCK) -> bytes:
    """A JSON text with blanks at its end, up to whole blocks."""
    return text + b" " * (-len(text) % block)


def write_mandate(mandate: Mandate) -> bytes:
    """The text to seal; id and revision are the row's."""
    return padded(
        json.dumps(
            {
                "holder": mandate.holder,
                "mandatary": mandate.mandatary,
                "kind": mandate.kind.value,
                "relation": mandate.relation.value,
                "state": mandate.state.value,
                "made_by": mandate.made_by,
                "made_time": _written(mandate.made_time),
                "classes": mandate.classes,
                "begin": _written(mandate.begin),
                "end": _written(mandate.end),
                "ends_at_majority": mandate.ends_at_majority,
                "invitation_expires": _written(mandate.invitation_expires),
                "evidence": mandate.evidence,
                "attest_time": _written(mandate.attest_time),
                "reason": mandate.reason,
                "closed_time": _written(mandate.closed_time),
                "notices": mandate.notices,
            }
        ).encode()
    )


def read_mandate(mandate_id: str, revision: int, text: bytes) -> Mandate:
    """The mandate of an opened text."""
    content: dict[str, Any] = json.loads(text)
    return Mandate(
        id=mandate_id,
        holder=content["holder"],
        mandatary=content["mandatary"],
        kind=MandateKind(content["kind"]),
        relation=MandateRelation(content["relation"]),
        state=MandateState(content["state"]),
        made_by=content["made_by"],
        made_time=datetime.fromisoformat(content["made_time"]),
        classes=tuple(content["classes"]),
        begin=_read(content["begin"]),
        end=_read(content["end"]),
        ends_at_majority=content["ends_at_majority"],
        invitation_expires=_read(content["invitation_expires"]),
        evidence=content["evidence"],
        attest_time=_read(content["attest_time"]),
        reason=content["reason"],
        closed_time=_read(content["closed_time"]),
        notices=tuple(content["notices"]),
        revision=revision,
    )


def _written(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
