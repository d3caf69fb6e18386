"""Notices in words (rules.md 22): what happened, to its reader, and what can be done now.

The words are data, read once; a version that lacks some, or asks for what nobody fills in, is refused. What is filled in is never read as
words itself. The time is that of Paris.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from carnet_consent.domain.notice import EVERY_TELLING, Notice, NoticeKind

PARIS = ZoneInfo("Europe/Paris")
_NOTHING: frozenset[str] = frozenset()
_FIELDS = frozenset({"when", "who", "concerned", "until", "because", "record"})
_SMALL: Mapping[str, frozenset[str]] = {
    "who_for": frozenset({"who", "structure"}),
    "because": frozenset({"words"}),
    **dict.fromkeys(("date_format", "nobody", "nameless", "nameless_structure", "holder", "representative", "you"), _NOTHING),
}
"""The short words, with what is filled into each."""


class Voice(StrEnum):
    """To whom a notice speaks."""

    HOLDER = "holder"
    REPRESENTATIVE = "representative"
    PROFESSIONAL = "professional"


class BrokenWordsError(Exception):
    """Words that are missing, or ask for what is not told; names them."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    small: Mapping[str, str]
    records: Mapping[str, str]
    events: Mapping[str, str]
    until: Mapping[str, str]
    next: Mapping[str, Mapping[str, str]]


def read_words(content: Mapping[str, Any]) -> Words:
    """The words of a file as read. Raises BrokenWordsError, naming what is wrong."""
    words = Words(
        {name: str(content.get(name, "")) for name in _SMALL},
        *(content.get(table, {}) for table in ("records", "events", "until", "next")),
    )
    _check("", words.small, _SMALL)
    _check("records", words.records, dict.fromkeys([voice.value for voice in Voice], _NOTHING))
    _check("events", words.events, dict.fromkeys(EVERY_TELLING, _FIELDS), needs_all=False)
    _check("until", words.until, {"some": frozenset({"until"}), "none": _NOTHING})
    for reader in ("person", "professional"):
        _check(f"next.{reader}", words.next.get(reader, {}), dict.fromkeys([kind.value for kind in NoticeKind], _NOTHING))
    return words


def in_words(notice: Notice, voice: Voice, reader: str, names: Mapping[str, str], words: Words) -> tuple[str, str]:
    """What happened and what can be done now, for a reader (`patients/{p}` or `professionals/{p}`)."""
    until = words.until["some"].format(until=_when(datetime.fromisoformat(notice.end), words)) if notice.end else words.until["none"]
    text = words.events[notice.event].format(
        when=_when(notice.time, words),
        who=_acting(notice, reader, names, words),
        concerned=_name(notice.concerned, notice, reader, names, words),
        until=until,
        because=words.small["because"].format(words=notice.words) if notice.words else "",
        record=words.records[voice],
    )
    return text, words.next["professional" if voice is Voice.PROFESSIONAL else "person"][notice.kind]


def _acting(notice: Notice, reader: str, names: Mapping[str, str], words: Words) -> str:
    """Who did it, and for whom."""
    if not notice.actor:
        return words.small["nobody"]
    who = _name(notice.actor, notice, reader, names, words)
    if not notice.structure or notice.actor == reader:
        return who
    return words.small["who_for"].format(who=who, structure=names.get(notice.structure, words.small["nameless_structure"]))


def _name(resource: str, notice: Notice, reader: str, names: Mapping[str, str], words: Words) -> str:
    """How somebody is called. The names of persons are not known here: whose record it is stands in the sentence.

    What is told to the holder, and to who represents her, tells another person's act as that of who represents her.
    """
    if resource == reader:
        return words.small["you"]
    if not resource.startswith("patients/"):
        return names.get(resource, words.small["nameless"])
    is_hers = resource == notice.recipient or not notice.recipient.startswith("patients/")
    return words.small["holder" if is_hers else "representative"]


def _when(instant: datetime, words: Words) -> str:
    return instant.astimezone(PARIS).strftime(words.small["date_format"])


def _check(table: str, found: Mapping[str, str], expected: Mapping[str, frozenset[str]], *, needs_all: bool = True) -> None:
    if set(found) != set(expected) or not all(found.values()):
        wrong = sorted(set(found) ^ set(expected)) or "an empty text"
        raise BrokenWordsError(f"[{table}] must have words for each of its names and no other: {wrong}")
    for name, text in found.items():
        fields = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
        if not fields <= expected[name] or (needs_all and fields != expected[name]):
            raise BrokenWordsError(f"[{table}] {name} asks for what it is not told, or does not tell what it should")
