"""One line of the file of an earlier system's records: what it says, read by heading, before anybody is looked up.

`docs/operations/import-records.md` is the format in words. A heading that this table does not know refuses the whole file: a column of
blocks under a misspelt heading would otherwise be blocks that are lost. What is refused is told by heading and rule, never by value.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from carnet_consent.domain.consent import Switches
from carnet_consent.domain.hiding import check_switches
from carnet_consent.domain.opening import EVIDENCE_LENGTH
from carnet_consent.domain.refusal import RuleBrokenError

SEPARATOR: Final = ";"
HOLDER: Final = "PATIENT"
"""Stands for the person herself as who collected the evidence."""
MOST_ENTRIES: Final = 200
"""How many entries one column of one line holds at most."""


class Heading(StrEnum):
    """The columns. The first seven must be there."""

    INS = "ins"
    INS_AUTHORITY = "ins_authority"
    OPENED = "opened"
    FORM = "evidence_form"
    VERSION = "evidence_version"
    METHOD = "evidence_method"
    COLLECTED_BY = "evidence_collected_by"
    COLLECTED = "evidence_collected"
    DISPATCH = "dispatch"
    BREAK_GLASS = "break_glass"
    MASKED = "masked_documents"
    DIRECTIVES = "directives"
    AUTHORISATIONS = "authorisations"
    CARE_RELATIONS = "care_relations"
    BLOCKS = "blocks"
    ATTENDING = "attending_physician"
    CONFIRMED = "attending_physician_confirmed"
    CLOSED = "closed"
    CLOSING_CODE = "closing_code"


REQUIRED: Final = tuple(Heading)[:7]
_ZONE: Final = ZoneInfo("Europe/Paris")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PROFESSIONAL: Final = re.compile(r"8[0-9]{11}")
_STRUCTURE: Final = re.compile(r"1(?:[0-9]{2}|2[AB])[0-9]{7}|3[0-9]{14}")
_PROFESSION: Final = re.compile(r"[0-9]{2}")
_YES, _NO, _ABSENT = "1", "0", ""
_FIRST_YEAR, _LAST_YEAR = 1970, 2999


class Subject(NamedTuple):
    """A professional or structure by national number (domain.md 1.2): IDNPS `8` and the RPPS; IDNST `1` and a FINESS, `3` and a SIRET."""

    number: str
    profession: str = ""
    """TRE_G15 code as the earlier system had it; empty where it said none."""

    @property
    def is_professional(self) -> bool:
        """Whether it is one, and no structure."""
        return self.number.startswith("8")


class Entry(NamedTuple):
    """Something stated about a professional or structure in the earlier system."""

    subject: Subject
    begin: datetime
    end: datetime | None
    """The first instant at which it no longer holds; None when the earlier system said none."""


@dataclass(frozen=True, slots=True)
class ImportLine:
    """What one line says."""

    ins: str
    authority: str
    opened: datetime
    form: str
    version: str
    method: str
    collected_by: Subject | None
    """Who collected the evidence; None for the person herself."""
    collected: datetime
    switches: Switches
    authorisations: tuple[Entry, ...] = ()
    care_relations: tuple[Entry, ...] = ()
    blocks: tuple[Entry, ...] = ()
    attending: Entry | None = None
    is_confirmed: bool = False
    """Whether the earlier system says that the person herself gave or confirmed this doctor."""
    closed: datetime | None = None
    closing_code: str = ""

    @property
    def subjects(self) -> tuple[tuple[str, Subject], ...]:
        """Everybody it names but the person, with the field that does."""
        named = [(Heading.COLLECTED_BY.value, self.collected_by)] if self.collected_by is not None else []
        for heading, entries in self.lists:
            named += [(field_of(heading, index), entry.subject) for index, entry in enumerate(entries)]
        return (*named, *([(Heading.ATTENDING.value, self.attending.subject)] if self.attending is not None else []))

    @property
    def lists(self) -> tuple[tuple[Heading, tuple[Entry, ...]], ...]:
        """The columns that hold several entries."""
        return (
            (Heading.AUTHORISATIONS, self.authorisations),
            (Heading.CARE_RELATIONS, self.care_relations),
            (Heading.BLOCKS, self.blocks),
        )

    def content(self) -> bytes:
        """What it says as the same bytes, whatever the order of columns and entries and the form of dates: by this a line is known again.

        What says nothing is left out, so that a column that is added to the format later changes nothing for the lines before it.
        """
        said = {name: value for name, value in asdict(self).items() if value}
        for heading, entries in self.lists:
            if entries:
                said[heading.value] = sorted(json.dumps(entry, default=datetime.isoformat) for entry in entries)
        said["switches"] = [name for name, is_on in said["switches"].items() if is_on]
        return json.dumps(said, sort_keys=True, default=datetime.isoformat).encode()


def field_of(heading: str, index: int) -> str:
    """The field of an entry, counted from 0."""
    return f"{heading}[{index}]"


class Columns:
    """Where each column of a file is, by its first line."""

    def __init__(self, first_line: str) -> None:
        """RuleBrokenError, naming the headings, when one is missing, unknown or there twice."""
        names = [name.strip() for name in first_line.split(SEPARATOR)]
        missing = [one for one in REQUIRED if one not in names]
        if missing:
            raise RuleBrokenError("INVALID_FIELD", f"the first line lacks the headings {', '.join(missing)}")
        if any(name not in set(Heading) for name in names) or len(set(names)) < len(names):
            # Which one is not told: what stands in the place of a heading may be the values of a person.
            raise RuleBrokenError("INVALID_FIELD", "the first line has a heading that is unknown, or one twice")
        self._names = names

    def read(self, line: str) -> ImportLine:
        """What a line says. RuleBrokenError with the heading and the rule when it breaks one."""
        values = [value.strip() for value in line.split(SEPARATOR)]
        if len(values) != len(self._names):
            raise RuleBrokenError("INVALID_FIELD", "a line has as many values as there are headings")
        return _line(dict(zip(self._names, values, strict=True)))


def _line(values: Mapping[str, str]) -> ImportLine:
    opened = _begin(_required(values, Heading.OPENED), Heading.OPENED)
    collected, closed = values.get(Heading.COLLECTED, ""), values.get(Heading.CLOSED, "")
    attending = _entries(values, Heading.ATTENDING, _professional)
    if len(attending) > 1:
        raise _broken(Heading.ATTENDING, "one attending physician at most (rules.md 4)")
    who = _required(values, Heading.COLLECTED_BY)
    return ImportLine(
        ins=_required(values, Heading.INS),
        authority=_required(values, Heading.INS_AUTHORITY),
        opened=opened,
        form=_text(values, Heading.FORM),
        version=_text(values, Heading.VERSION),
        method=_text(values, Heading.METHOD),
        collected_by=None if who == HOLDER else _anybody(who, Heading.COLLECTED_BY),
        collected=_begin(collected, Heading.COLLECTED) if collected else opened,
        switches=_switches(values),
        authorisations=_entries(values, Heading.AUTHORISATIONS, _anybody),
        care_relations=_entries(values, Heading.CARE_RELATIONS, _anybody),
        blocks=_entries(values, Heading.BLOCKS, _anybody),
        attending=attending[0] if attending else None,
        is_confirmed=_switch(values, Heading.CONFIRMED, absent=False),
        closed=_begin(closed, Heading.CLOSED) if closed else None,
        closing_code=values.get(Heading.CLOSING_CODE, ""),
    )


def _switches(values: Mapping[str, str]) -> Switches:
    """rules.md 9: an absent switch counts as accepted. MASKED and DIRECTIVES widen what is accepted, and need her yes (domain.md 3.3)."""
    switches = Switches(
        dispatch=_switch(values, Heading.DISPATCH, absent=True),
        break_glass=_switch(values, Heading.BREAK_GLASS, absent=True),
        masked_documents=_switch(values, Heading.MASKED, absent=False),
        directives=_switch(values, Heading.DIRECTIVES, absent=False),
    )
    try:
        check_switches(switches)
    except RuleBrokenError as broken:
        raise _broken(broken.field.rpartition(".")[2], broken.message, broken.reason) from None
    return switches


def _switch(values: Mapping[str, str], heading: Heading, *, absent: bool) -> bool:
    value = values.get(heading, _ABSENT)
    if value not in {_YES, _NO, _ABSENT}:
        raise _broken(heading, "1 for yes, 0 for no, or nothing where the earlier system had none")
    return absent if value == _ABSENT else value == _YES


def _entries(values: Mapping[str, str], heading: Heading, subject: Callable[[str, str], Subject]) -> tuple[Entry, ...]:
    """`who begin [end]`, one after the other between commas."""
    texts = [text for text in values.get(heading, "").split(",") if text.strip()]
    if len(texts) > MOST_ENTRIES:
        raise _broken(heading, f"at most {MOST_ENTRIES} entries")
    entries = tuple(_entry(text.split(), field_of(heading, index), subject) for index, text in enumerate(texts))
    if len({entry.subject.number for entry in entries}) < len(entries):
        raise _broken(heading, "each professional or structure once")
    return entries


def _entry(parts: Sequence[str], field: str, subject: Callable[[str, str], Subject]) -> Entry:
    if len(parts) not in {2, 3}:
        raise _broken(field, "who, when it began, and when it ends if it does, with blanks between")
    entry = Entry(subject(parts[0], field), _begin(parts[1], field), _end(parts[2], field) if parts[2:] else None)
    if entry.end is not None and entry.end <= entry.begin:
        raise _broken(field, "must not end before it begins")
    return entry


def _anybody(value: str, field: str) -> Subject:
    number, separator, profession = value.partition(":")
    is_professional = _PROFESSIONAL.fullmatch(number) is not None
    if not is_professional and not _STRUCTURE.fullmatch(number):
        raise _broken(field, "a professional is 8 and the RPPS, a structure 1 and the FINESS or 3 and the SIRET (domain.md 1.2)")
    if separator and not (is_professional and _PROFESSION.fullmatch(profession)):
        raise _broken(field, "a professional's number may be followed by a colon and a code of TRE_G15")
    return Subject(number, profession)


def _professional(value: str, field: str) -> Subject:
    subject = _anybody(value, field)
    if not subject.is_professional:
        raise _broken(field, "a professional, by 8 and the RPPS")
    return subject


def _required(values: Mapping[str, str], heading: Heading) -> str:
    value = values[heading]
    if not value:
        raise _broken(heading, "is required")
    return value


def _text(values: Mapping[str, str], heading: Heading) -> str:
    value = _required(values, heading)
    if len(value) > EVIDENCE_LENGTH or not value.isprintable():
        raise _broken(heading, f"a printable text of at most {EVIDENCE_LENGTH} characters", "EVIDENCE_REQUIRED")
    return value


def _begin(value: str, field: str) -> datetime:
    """An instant, or the first of a day in Paris."""
    found = _instant(value, field)
    return found if isinstance(found, datetime) else _midnight(found)


def _end(value: str, field: str) -> datetime:
    """An instant, or the end of a last day in Paris."""
    found = _instant(value, field)
    return found if isinstance(found, datetime) else _midnight(found + timedelta(days=1))


def _instant(value: str, field: str) -> datetime | date:
    try:
        found = date.fromisoformat(value) if _DAY.fullmatch(value) else datetime.fromisoformat(value)
        if _FIRST_YEAR < found.year < _LAST_YEAR and (not isinstance(found, datetime) or found.tzinfo is not None):
            return found.astimezone(UTC) if isinstance(found, datetime) else found
    except (ValueError, OverflowError):
        pass
    raise _broken(field, "a day is YYYY-MM-DD, an instant RFC 3339 with its zone, from 1971 to 2998")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=_ZONE).astimezone(UTC)


def _broken(field: str, rule: str, reason: str = "INVALID_FIELD") -> RuleBrokenError:
    return RuleBrokenError(reason, rule, field=str(field))
