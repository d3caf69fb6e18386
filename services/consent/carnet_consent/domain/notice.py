"""Who is told what of a change: derived from the event and the record before and after it, and from nothing else.

A notice says that something happened, to somebody whom it concerns; the history is where everything stands. Nobody is told of what he
did himself. Representatives hear what is marked for them, but never of a place of care that is hidden from them (rules.md 12). No notice
names a document; who is told that some were added is in `additions.py`. A professional hears in his inbox alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from carnet_consent.domain.consent import Consent


class NoticeKind(StrEnum):
    """What a notice is about; preferences go by it."""

    EMERGENCY_ACCESS = "EMERGENCY_ACCESS"
    """A professional broke the glass, or used an open emergency again."""
    EMERGENCY_NEWS = "EMERGENCY_NEWS"
    """An emergency access ended, was reviewed, or waits too long for its review."""
    ATTENDING_PHYSICIAN = "ATTENDING_PHYSICIAN"
    """Who is attending physician, or says that he is."""
    RECORD_STATE = "RECORD_STATE"
    """The record is to open or close, or did."""
    FIRST_ACCESS = "FIRST_ACCESS"
    """A professional was let in for the first time."""
    DOCUMENTS_ADDED = "DOCUMENTS_ADDED"
    """Documents were added."""
    MANDATE = "MANDATE"
    """A mandate was proposed or changed; identity, which keeps mandates, writes its letters."""


class Letter(StrEnum):
    """Which letter goes out beside the inbox; identity has its words, and none of them says more than that there is something to read."""

    EXCEPTIONAL_ACCESS = "EXCEPTIONAL_ACCESS"
    EXCEPTIONAL_ACCESS_NEWS = "EXCEPTIONAL_ACCESS_NEWS"
    NEW_ACCESS = "NEW_ACCESS"
    ACCESS_CHANGED = "ACCESS_CHANGED"
    SPACE_CHANGED = "SPACE_CHANGED"
    NEW_CONTENT = "NEW_CONTENT"


class Channel(StrEnum):
    """By what a person is told beside her inbox; identity knows her addresses and devices."""

    EMAIL = "EMAIL"
    PUSH = "PUSH"


class Audience(StrEnum):
    """Who is told."""

    HOLDER = "HOLDER"
    """The person whose record it is; with her, unless it is about herself alone, who represents her."""
    ATTENDING_PHYSICIAN = "ATTENDING_PHYSICIAN"
    """The confirmed attending physician, as he was or as he is now."""
    CONCERNED = "CONCERNED"
    """The professional whom the change is about."""


ALWAYS_MAILED = frozenset({NoticeKind.EMERGENCY_ACCESS, NoticeKind.EMERGENCY_NEWS, NoticeKind.RECORD_STATE})
"""What nobody can switch off: each emergency access (CSP R1111-48), and what can be opposed until a day (CSP R1111-28, rules.md 15)."""


@dataclass(frozen=True, slots=True)
class Telling:
    """How one kind of event is told."""

    kind: NoticeKind
    audiences: frozenset[Audience]
    source: str
    letter: Letter | None = None
    """None for what the inbox alone tells."""
    tells_representatives: bool = True


_HOLDER = frozenset({Audience.HOLDER})
_CARING = frozenset({Audience.HOLDER, Audience.ATTENDING_PHYSICIAN})
_ABOUT_SOMEBODY = frozenset({Audience.HOLDER, Audience.ATTENDING_PHYSICIAN, Audience.CONCERNED})
_NEWS = Telling(NoticeKind.EMERGENCY_NEWS, _ABOUT_SOMEBODY, "CSP R1111-48", Letter.EXCEPTIONAL_ACCESS_NEWS)
_ATTENDING = Telling(NoticeKind.ATTENDING_PHYSICIAN, _ABOUT_SOMEBODY, "rules.md 4: told at once", Letter.ACCESS_CHANGED)
_CLOSING = Telling(NoticeKind.RECORD_STATE, _CARING, "rules.md 15: notice on the verified channel", Letter.SPACE_CHANGED)
_OPENING = Telling(NoticeKind.RECORD_STATE, _HOLDER, "CSP R1111-28: she may oppose it", Letter.SPACE_CHANGED)
_DESTRUCTION = Telling(NoticeKind.RECORD_STATE, _HOLDER, "rules.md 16: hers alone; why it is held, or begins", Letter.SPACE_CHANGED)
TOLD: Mapping[str, Telling] = {
    "emergency.opened": Telling(NoticeKind.EMERGENCY_ACCESS, _CARING, "CSP R1111-48", Letter.EXCEPTIONAL_ACCESS),
    # Joins an access that was told already: no second letter for one emergency. Its end is no news that must reach her the same minute.
    "emergency.joined": Telling(NoticeKind.EMERGENCY_ACCESS, _CARING, "CSP R1111-48"),
    "emergency.ended": Telling(NoticeKind.EMERGENCY_NEWS, _CARING, "CSP R1111-48"),
    "emergency.reviewed": _NEWS,
    "emergency.review_overdue": _NEWS,
    "attending_physician.declared": _ATTENDING,
    "attending_physician.confirmed": _ATTENDING,
    "attending_physician.ended": _ATTENDING,
    "record.closing_announced": _CLOSING,
    "record.closing_opposed": _CLOSING,
    "record.closed": _CLOSING,
    "record.reopened": _CLOSING,
    "record.opening_announced": _OPENING,
    "record.opened_as_announced": _OPENING,
    "record.destruction_asked": _DESTRUCTION,
    "record.destruction_confirmed": _DESTRUCTION,
    "record.destruction_cancelled": _DESTRUCTION,
    "record.purge_announced": _DESTRUCTION,
    "record.destroying": _DESTRUCTION,
    "record.destroyed": _DESTRUCTION,
    "record.hold_set": _DESTRUCTION,
    "record.hold_lifted": _DESTRUCTION,
}
"""The kinds of event that somebody is told of. Every other is in the history alone."""

FIRST_ACCESS, DISPATCH_ACCESS = "access.first", "access.dispatch"
READING: Mapping[str, tuple[str, Telling]] = {
    # Not to representatives: a minor's secret consultation looks like any other (rules.md 12).
    "TREATMENT": (
        FIRST_ACCESS,
        Telling(NoticeKind.FIRST_ACCESS, _HOLDER, "domain.md 3.5", Letter.NEW_ACCESS, tells_representatives=False),
    ),
    "EMERGENCY_DISPATCH": (
        DISPATCH_ACCESS,
        Telling(NoticeKind.EMERGENCY_ACCESS, _CARING, "CSP R1111-48; domain.md 3.3: Centre 15", Letter.EXCEPTIONAL_ACCESS),
    ),
}
"""The readings that are told, by purpose, and under which name. A broken glass is told when it is broken."""
DOCUMENTS_ADDED = "documents.added"
ADDING = Telling(NoticeKind.DOCUMENTS_ADDED, _CARING, "domain.md 3.5: NOTIF_DOCUMENT", Letter.NEW_CONTENT)
"""How added documents are told."""
MANDATE_CHANGED = "mandate.changed"
_MANDATE = Telling(NoticeKind.MANDATE, _HOLDER, "domain.md 3.5", tells_representatives=False)
EVERY_TELLING: Mapping[str, Telling] = {**TOLD, **dict(READING.values()), DOCUMENTS_ADDED: ADDING, MANDATE_CHANGED: _MANDATE}
"""Whatever is told, by its name."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What an event says, as far as notices go by it."""

    event: str
    """Its kind."""
    number: int
    """The revision of the record that it made."""
    time: datetime
    actor: str
    """Who did it: `professionals/{p}`, `patients/{p}`, `structures/{s}`."""
    structure: str = ""
    """For which structure; empty for none."""
    concerned: str = ""
    """The professional or structure that it is about; empty for none."""
    episode: str = ""
    """`records/{r}/emergencyEpisodes/{e}`; empty outside an emergency."""
    end: str = ""
    """RFC 3339: until when it holds or can be opposed; empty where there is no such instant."""
    words: str = ""
    """The reason in the professional's words."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that one person or professional is told."""

    recipient: str
    """`patients/{p}` or `professionals/{p}`."""
    kind: NoticeKind
    event: str
    record: str
    number: int
    time: datetime
    actor: str
    structure: str
    concerned: str
    episode: str
    place: str
    """`structures/{s}` of care that it tells of; empty for none."""
    end: str
    words: str
    """The reason, for the holder alone: what a professional writes about her is hers to know."""
    letter: Letter | None
    """Which letter goes out as well; None for none."""
    tells_representatives: bool
    occasion: str = ""
    """What tells two accesses of one professional apart; empty for a change, which its number tells apart."""
    channels: tuple[Channel, ...] = tuple(Channel)
    """By what the letter goes out."""

    @property
    def key(self) -> str:
        """What makes two notices the same one, however often it is queued."""
        if self.number == 0:
            return f"{self.record} {self.event} {self.actor} {self.occasion} {self.recipient}"
        return f"{self.record} {self.event} {self.number} {self.recipient}"


@dataclass(frozen=True, slots=True)
class Access:
    """That a professional was permitted to read."""

    purpose: str
    """Of `READING`."""
    professional: str
    structure: str
    occasion: str
    """What tells two accesses apart that are told each; empty where only the first is."""
    time: datetime


def accesses_told() -> frozenset[str]:
    """The purposes of reading that somebody is told of."""
    return frozenset(READING)


def notices_of_access(access: Access, consent: Consent) -> tuple[Notice, ...]:
    """The notices of one access, each recipient once."""
    event, telling = READING[access.purpose]
    fact = Fact(event, 0, access.time, access.professional, access.structure)
    return tuple(replace(notice, occasion=access.occasion) for notice in _notices(fact, telling, consent, consent))


def notices_of(fact: Fact, before: Consent, after: Consent) -> tuple[Notice, ...]:
    """The notices of one change, each recipient once; none for a kind of event that nobody is told of."""
    telling = TOLD.get(fact.event)
    return _notices(fact, telling, before, after) if telling is not None else ()


def _notices(fact: Fact, telling: Telling, before: Consent, after: Consent) -> tuple[Notice, ...]:
    named = (name for audience in Audience if audience in telling.audiences for name in _named(audience, fact, before, after))
    place = _place(fact, before, after)
    return tuple(notice_to(fact, telling, name, place, after) for name in dict.fromkeys(named) if name not in {"", fact.actor})


def _named(audience: Audience, fact: Fact, before: Consent, after: Consent) -> tuple[str, ...]:
    """Who stands behind an audience of this record."""
    if audience is Audience.HOLDER:
        return (after.patient,)
    if audience is Audience.CONCERNED:
        return (fact.concerned,) if fact.concerned.startswith("professionals/") else ()
    return tuple(a.professional for a in (*before.attending_physicians, *after.attending_physicians) if a.is_confirmed)


def _place(fact: Fact, before: Consent, after: Consent) -> str | None:
    """The place of care that the fact tells of; None when it is of an emergency that the record no longer holds, so nobody knows where."""
    if not fact.episode:
        return fact.structure
    episodes = {f"{after.record}/emergencyEpisodes/{e.id}": e.structure for e in (*before.episodes, *after.episodes)}
    return episodes.get(fact.episode)


def wanted_channels(kind: NoticeKind, consent: Consent) -> tuple[Channel, ...]:
    """By what the holder wants to be told of a kind."""
    if kind in ALWAYS_MAILED:
        return tuple(Channel)
    muted = {Channel.EMAIL: consent.muted_letters, Channel.PUSH: consent.muted_pushes}
    return tuple(channel for channel in Channel if kind not in muted[channel])


def notice_to(fact: Fact, telling: Telling, recipient: str, place: str | None, consent: Consent) -> Notice:
    """What one recipient is told of a fact that happened at a place of care; None for a place nobody knows."""
    is_holder = recipient == consent.patient
    channels = wanted_channels(telling.kind, consent)
    return Notice(
        recipient=recipient,
        kind=telling.kind,
        event=fact.event,
        record=consent.record,
        number=fact.number,
        time=fact.time,
        actor=fact.actor,
        structure=fact.structure,
        concerned=fact.concerned,
        episode=fact.episode,
        place=place or "",
        end=fact.end,
        words=fact.words if is_holder else "",
        letter=telling.letter if is_holder and channels else None,
        # What happened nobody knows where may have happened where it is hidden from them.
        tells_representatives=is_holder and telling.tells_representatives and place is not None,
        channels=channels,
    )


def notice_of_mandate(patient: str, occasion: str, now: datetime) -> Notice:
    """That a mandate in which a person takes part was proposed or changed: of no record, in her own inbox, whichever part is hers."""
    return Notice(
        recipient=patient,
        kind=_MANDATE.kind,
        event=MANDATE_CHANGED,
        record="",
        number=0,
        time=now,
        actor="",
        structure="",
        concerned="",
        episode="",
        place="",
        end="",
        words="",
        letter=None,
        tells_representatives=False,
        occasion=occasion,
    )
