"""Letters: short neutral messages to a person, written from reviewed templates, French with English below.

A letter says that there is something to do or to know, and never about whom or about what care: it is read on locked screens, by
families and by mail providers. Templates are data, one folder a version, and a letter is written when it is queued, so that a change of
version never changes a letter under way.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.notice_letter import WHEN, NoticeLetter

CONTACT_CODE = "contact-code"
CONTACT_REMOVED = "contact-removed"
CONFIRMATION_CODE = "confirmation-code"
_PLACEHOLDERS = {
    CONTACT_CODE: frozenset({"code", "minutes"}),
    CONTACT_REMOVED: frozenset[str](),
    CONFIRMATION_CODE: frozenset({"code", "minutes"}),
    **{letter.value: WHEN for letter in NoticeLetter},
}
"""Every template there must be, with what it is told."""
_LONGEST_SUBJECT = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message to one address. `id` is opaque and stays the same however often the letter is tried."""

    id: str
    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)


class Delivery(Enum):
    """What became of a letter that was handed to a mail server."""

    ACCEPTED = "ACCEPTED"
    LATER = "LATER"
    """Not now, or not known."""
    NO_SUCH_ADDRESS = "NO_SUCH_ADDRESS"
    """Refused for good because of the address."""


@dataclass(frozen=True, slots=True)
class _Template:
    subject: str
    text: string.Template


class LetterTemplates:
    """The templates of one version."""

    def __init__(self, templates: Mapping[str, _Template]) -> None:
        self._templates = templates

    def write(self, template: str, *, letter_id: str, to: str, **told: str) -> Letter:
        """The letter of a template to an address."""
        chosen = self._templates[template]
        return Letter(id=letter_id, to=to, subject=chosen.subject, text=chosen.text.substitute(told))


def read_templates(files: Mapping[str, Mapping[str, Any]]) -> LetterTemplates:
    """Templates from what their files hold, by name; BrokenRule for one that is missing, unknown, or asks for what is not told."""
    if set(files) != set(_PLACEHOLDERS):
        raise BrokenRule("", f"there must be the templates {', '.join(sorted(_PLACEHOLDERS))}, and no other")
    return LetterTemplates({name: _read(name, content) for name, content in files.items()})


def _read(name: str, content: Mapping[str, Any]) -> _Template:
    subject, text = content.get("subject"), content.get("text")
    if set(content) != {"subject", "text"} or not isinstance(subject, str) or not isinstance(text, str):
        raise BrokenRule(name, "has a subject and a text, and nothing else")
    if not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise BrokenRule(name, f"its subject is one line of at most {_LONGEST_SUBJECT} characters")
    template = string.Template(text)
    if not template.is_valid() or frozenset(template.get_identifiers()) != _PLACEHOLDERS[name]:
        raise BrokenRule(name, f"its text must name {', '.join(sorted(_PLACEHOLDERS[name])) or 'nothing'} after a $")
    return _Template(subject, template)
