"""What the log needs to know of an event, read from its canonical text; the rest of the text is not looked at.

Refuses (MalformedEventError) a text that is not canonical JSON of an object, or that lacks kind or time: such a text could be spelt
in two ways, and a line made of it could be disputed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_TEXT = 200
"""Longest kind, time or record name, in characters."""


class MalformedEventError(ValueError):
    """The text is not the canonical text of an event. The message names the rule, never the text."""


@dataclass(frozen=True)
class RecordedEvent:
    """Kind, time (RFC 3339), record (`records/x`, empty for none) and the views that must not show it."""

    kind: str
    time: str
    record: str
    hidden_from: tuple[str, ...]


def read_event(payload: bytes) -> RecordedEvent:
    """The event of its canonical text. Raises MalformedEventError."""
    try:
        text = payload.decode()
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedEventError("must be JSON in UTF-8") from None
    if not isinstance(values, dict) or canonical_text(values) != text:
        raise MalformedEventError("must be a JSON object in its canonical form")
    kind, time, record = (_text(values, name) for name in ("kind", "time", "record"))
    if not kind or not time:
        raise MalformedEventError("must have a kind and a time")
    if record and not record.startswith("records/"):
        raise MalformedEventError("must name its record as records/*")
    hidden = values.get("hidden_from", [])
    if not isinstance(hidden, list) or not all(isinstance(view, str) for view in hidden):
        raise MalformedEventError("must name the views it is hidden from")
    return RecordedEvent(kind, time, record, tuple(hidden))


def canonical_text(values: Mapping[str, Any]) -> str:
    """The one text of an object: keys sorted, no white space, nothing escaped that need not be."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def number_in_views(event: RecordedEvent, counts: Mapping[str, int], views: Sequence[str]) -> dict[str, int]:
    """The number the event gets in each view: the next one, or 0 where it is hidden. Empty for an event of no record.

    Disclosure (rules.md 14) will number an event again where it has 0 today, by a leaf of its own; nothing here changes then.
    """
    if not event.record:
        return {}
    return {view: 0 if view in event.hidden_from else counts.get(view, 0) + 1 for view in views}


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise MalformedEventError(f"must have a short text as {name}")
    return value
