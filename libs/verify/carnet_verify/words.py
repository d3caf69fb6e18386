"""An event as a sentence, as rules.md 22 asks.

Who, for which structure, through which software, when, what, why, how it was decided, and what the person can do now. The words
are data, `languages/<code>.toml`, reviewed by people who are not programmers.

Promises: a sentence is made from the event's own text and a table of names and from nothing else. Free text that came from
outside (titles, motives, names) stands in quotes or on its own and loses every character that could break the line, reorder
it or hide (controls, bidirectional marks), so that no event can pretend to be two, or another. An event of a kind that has
no words yet is shown under its technical name rather than left out.
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

MAXIMUM_TEXT = 300
"""Free text longer than this many characters is cut, and says so by an ellipsis."""


@dataclass(frozen=True)
class Words:
    """A line as a person reads it."""

    text: str
    next_step: str
    actor_name: str
    structure_name: str


def put_into_words(event: Mapping[str, Any], names: Mapping[str, str], language: str, *, holder: str) -> Words:
    """The sentence of an event (the object of its canonical JSON).

    `names` maps resource names to display names. `holder` is the resource name of the record's holder, the person addressed: no
    other patient's act is told as hers.
    """
    table = _table(language)
    actor = _actor(event)
    kind = _kind(event, table)
    who, structure = name_actor(event, names, language, holder), plain(names.get(str(actor.get("structure", "")), ""))
    parts = [
        _phrase(table, "who", who=who, role=_role(who, str(actor.get("role", "")), table)),
        _phrase(table, "structure", structure=structure),
        _phrase(table, "software", software=_software(actor, table)),
        _phrase(table, "vouched", vouched=table["authentications"].get(str(actor.get("authentication", "")), "")),
        _what(event, kind, table),
        _phrase(table, "change", change=_change(event, table)),
        _phrase(table, "grantee", grantee=_grantee(event, names, table)),
        _phrase(table, "since", since=show_time(str(event.get("begin_time", "")), table["date_format"])),
        _phrase(table, "until", until=show_time(str(event.get("end_time", "")), table["date_format"])),
        _phrase(table, "purpose", purpose=_purpose(event, table, holder)),
        _phrase(table, "motive", motive=plain(event.get("motive", ""))),
        _phrase(table, "count", count=_count(event)),
    ]
    sentence = table["join"].join(part for part in parts if part)
    when = show_time(str(event.get("time", "")), table["date_format"])
    text = table["sentence"].format(when=when, sentence=sentence, outcome=_outcome(event, table))
    return Words(text, _next_step(event, kind, table, holder), who, structure)


def name_act(event: Mapping[str, Any], names: Mapping[str, str], holder: str, language: str = "en") -> str:
    """An event in a few words: "Dr Bruno EXEMPLE, read"."""
    return f"{name_actor(event, names, language, holder)}, {_kind(event, _table(language))['short']}"


def name_actor(event: Mapping[str, Any], names: Mapping[str, str], language: str, holder: str) -> str:
    """How people call who acted; words for the role where no name is known, "you" for the holder alone."""
    actor = _actor(event)
    known = plain(names.get(str(actor.get("subject", "")), ""))
    nameless: Mapping[str, str] = _table(language)["nameless"]
    role = "another_patient" if _is_another_patient(event, holder) else str(actor.get("role", ""))
    return known or nameless.get(role, nameless["other"])


def show_time(text: str, form: str) -> str:
    """An RFC 3339 time on the clock of Paris; the text itself when it is not one, empty for empty."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return plain(text)
    return moment.astimezone(_paris()).strftime(form) if moment.tzinfo else plain(text)


def plain(text: object) -> str:
    """Text that stays on its line and in its order: without control, format and bidirectional characters, cut when long."""
    shown = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in str(text))
    shown = " ".join(shown.split()).replace("\u00ab", "'").replace("\u00bb", "'").replace("\u201c", "'").replace("\u201d", "'")
    return shown if len(shown) <= MAXIMUM_TEXT else shown[: MAXIMUM_TEXT - 1] + "\u2026"


def known_kinds(language: str) -> frozenset[str]:
    """The kinds of event this language has words for."""
    return frozenset(_table(language)["kinds"])


@cache
def _table(language: str) -> dict[str, Any]:
    return tomllib.loads(files("carnet_verify").joinpath("languages", f"{language}.toml").read_text(encoding="utf-8"))


@cache
def _paris() -> tzinfo:
    try:
        return ZoneInfo("Europe/Paris")
    except KeyError:  # a machine without the time zone database
        return UTC


def _actor(event: Mapping[str, Any]) -> Mapping[str, Any]:
    actor = event.get("actor")
    return actor if isinstance(actor, dict) else {}


def _is_another_patient(event: Mapping[str, Any], holder: str) -> bool:
    actor = _actor(event)
    return actor.get("role") == "PATIENT" and (not holder or actor.get("subject") != holder)


def _is_mandatary(event: Mapping[str, Any]) -> bool:
    """Whether a person acted for another, under her own name."""
    return _actor(event).get("role") in {"REPRESENTATIVE", "CAREGIVER"}


def _kind(event: Mapping[str, Any], table: Mapping[str, Any]) -> Mapping[str, str]:
    name = str(event.get("kind", ""))
    kind: Mapping[str, str] = table["kinds"].get(name) or {
        "short": plain(name) or table["something"],
        "what": table["unknown_kind"],
        "next": "report",
    }
    return kind


def _phrase(table: Mapping[str, Any], name: str, **values: str) -> str:
    """The phrase with its values, or its shorter form, or nothing, where values are missing."""
    phrases: Mapping[str, str] = table["phrases"]
    if all(values.values()):
        return phrases[name].format(**values)
    short = phrases.get(f"{name}_short", "")
    return short.format(**values) if short and any(values.values()) else ""


def _role(who: str, role: str, table: Mapping[str, Any]) -> str:
    """The profession or role in words; nothing where these already stand for a name that is not known."""
    return "" if who == table["nameless"].get(role) else str(table["roles"].get(role, ""))


def _what(event: Mapping[str, Any], kind: Mapping[str, str], table: Mapping[str, Any]) -> str:
    title = plain(event.get("document_title", ""))
    document = table["phrases"]["document"].format(title=title) if title else table["a_document"]
    return kind["what"].format(document=document, kind=plain(event.get("kind", "")))


def _change(event: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    change = str(event.get("change", ""))
    return str(table["changes"].get(change, plain(change)))


def _purpose(event: Mapping[str, Any], table: Mapping[str, Any], holder: str) -> str:
    purpose = str(event.get("purpose", ""))
    if purpose == "PATIENT_REQUEST" and _is_another_patient(event, holder):
        return ""  # "at your request" is the holder's
    if purpose == "PATIENT_REQUEST" and _is_mandatary(event):
        purpose = str(_actor(event)["role"])
    return str(table["purposes"].get(purpose, ""))


def _grantee(event: Mapping[str, Any], names: Mapping[str, str], table: Mapping[str, Any]) -> str:
    grantee = str(event.get("grantee", ""))
    if not grantee:
        return ""
    return plain(names.get(grantee, "")) or str(table["nameless"]["structure" if grantee.startswith("structures/") else "other"])


def _software(actor: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    name = plain(str(actor.get("software", "")).rpartition("/")[2])
    return str(table["software"].get(name, name))


def _count(event: Mapping[str, Any]) -> str:
    count = event.get("count", 0)
    return str(count) if isinstance(count, int) and count > 1 else ""


def _outcome(event: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    reason = str(event.get("reason", ""))
    words = table["reasons"].get(reason, plain(reason))
    if event.get("decision") == "deny":
        return str(table["refused"].format(reason=words)) if words else str(table["refused_short"])
    if words:
        return str(table["because"].format(reason=words))
    return str(table["permitted"]) if event.get("decision") == "permit" else ""


def _next_step(event: Mapping[str, Any], kind: Mapping[str, str], table: Mapping[str, Any], holder: str) -> str:
    steps: Mapping[str, str] = table["next"]
    if event.get("decision") == "deny":
        return steps["refused"]
    if _is_another_patient(event, holder):
        return steps["report" if kind["next"] == "self" else kind["next"]]
    if _is_mandatary(event):
        return steps["report" if kind["next"] == "report" else "mandate"]
    if _actor(event).get("role") == "PATIENT":
        return steps[kind.get("next_self", "self")]
    return steps[kind["next"]]
