"""Taking over a record of an earlier system (domain.md 2, "migration"): what was stated there is stated here, with its own dates.

Nothing is taken over that could not be here: an identity that is qualified (REF-DMP), a person who lives where records are opened, those
whom the directory knows, dates that have come. What cannot be taken over refuses the whole record: the rest of it without a block would
open what the person had closed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carnet_consent.domain.attending import DOCTOR
from carnet_consent.domain.closing import Terms, closed, destroy_time
from carnet_consent.domain.consent import (
    DEATH,
    DESTRUCTION,
    AttendingPhysician,
    Closing,
    Consent,
    Evidence,
    RecordState,
    Statement,
    StatementKind,
    contradictions,
)
from carnet_consent.domain.import_line import Entry, Heading, ImportLine, Subject, field_of
from carnet_consent.domain.person import PersonStatus, check_departement, check_lives_and_is_qualified
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Durations


@dataclass(frozen=True, slots=True)
class KnownSubject:
    """A professional or structure that the directory has."""

    name: str
    """`professionals/{p}` or `structures/{s}`."""
    professions: tuple[str, ...] = ()
    """TRE_G15 codes of a professional."""


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person whom identity knows by the INS of a line."""

    patient: str
    """`patients/{p}`."""
    status: PersonStatus


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whom identity knows by the numbers of some lines."""

    persons: Sequence[KnownPerson | RuleBrokenError]
    """One for each line, in their order: the person, or what is wrong with her INS."""
    subjects: Mapping[str, KnownSubject]
    """Professionals and structures by national number; who is not known is left out."""


@dataclass(frozen=True, slots=True)
class ImportRules:
    """What a record is measured by."""

    durations: Durations
    closing: Terms
    professions: frozenset[str]
    """The codes of TRE_G15 that the tables of this service know."""
    closing_codes: frozenset[str]
    open_departements: frozenset[str] = frozenset()
    """Where records are opened; empty for everywhere."""


@dataclass(frozen=True, slots=True)
class _Taking:
    """One record that is being taken over."""

    line: ImportLine
    person: KnownPerson
    known: Mapping[str, KnownSubject]
    rules: ImportRules
    now: datetime
    new_id: Callable[[], str]

    def subject(self, subject: Subject, field: str) -> KnownSubject:
        found = self.known.get(subject.number)
        if found is None:
            raise _broken(field, "the directory knows nobody of this number, professional or structure")
        if subject.profession and subject.profession not in self.rules.professions:
            raise _broken(field, "must be a profession of TRE_G15 that is in force")
        return found


def imported(
    line: ImportLine,
    person: KnownPerson,
    known: Mapping[str, KnownSubject],
    rules: ImportRules,
    now: datetime,
    *,
    record: str,
    new_id: Callable[[], str],
) -> Consent:
    """Make the record of a line. `known` has the professionals and structures of the line, by national number.

    Raises:
        RuleBrokenError: with the heading, and the rule that keeps this record out.
    """
    _check_person(line, person.status, rules)
    _check_dates(line, now)
    taking = _Taking(line, person, known, rules, now, new_id)
    consent = Consent(
        record=record,
        patient=person.patient,
        state=RecordState.ACTIVE,
        revision=0,
        opened=line.opened,
        evidence=_evidence(taking),
        switches=line.switches,
        statements=_statements(taking),
        attending_physicians=_attending(taking),
        person_revision=person.status.revision,
    )
    consent = _closed(taking, consent)
    if any(contradictions(consent)):
        raise _broken("", "what the line states cannot stand together (rules.md 6)")
    return consent


def _check_person(line: ImportLine, status: PersonStatus, rules: ImportRules) -> None:
    """The person of an open record lives; that of a closed one may have died, and her record is kept ten years (CSP L1111-18)."""
    try:
        check_lives_and_is_qualified(status if line.closed is None else replace(status, is_deceased=False))
        check_departement(status, rules.open_departements)
    except RuleBrokenError as broken:
        raise RuleBrokenError(broken.reason, broken.message, field=Heading.INS.value) from None
    if line.closing_code == DEATH and not status.is_deceased:
        raise _broken(Heading.CLOSING_CODE, "the person's death must be stated at identity first (rules.md 17)")


def _check_dates(line: ImportLine, now: datetime) -> None:
    begins = [(Heading.OPENED.value, line.opened), (Heading.COLLECTED.value, line.collected)]
    begins += [(field_of(heading, index), entry.begin) for heading, entries in line.lists for index, entry in enumerate(entries)]
    if line.attending is not None:
        begins.append((Heading.ATTENDING.value, line.attending.begin))
    if line.closed is not None:
        begins.append((Heading.CLOSED.value, line.closed))
    for field, instant in begins:
        if instant > now:
            raise _broken(field, "must not be in the future")
    if line.closed is not None and line.closed < line.opened:
        raise _broken(Heading.CLOSED, "must not be before the record was opened")


def _evidence(taking: _Taking) -> Evidence:
    line = taking.line
    by = taking.person.patient if line.collected_by is None else taking.subject(line.collected_by, Heading.COLLECTED_BY).name
    return Evidence(line.form, line.version, line.method, by, line.collected)


def _statements(taking: _Taking) -> tuple[Statement, ...]:
    """What was stated, as the person's own will. A block takes away what its grantee was authorised to; a block that ended is forgotten."""
    line, durations = taking.line, taking.rules.durations
    in_force = [(index, one) for index, one in enumerate(line.blocks) if one.end is None or one.end > taking.now]
    blocks = [_statement(taking, StatementKind.BLOCK, one, field_of(Heading.BLOCKS, index), one.end) for index, one in in_force]
    for index, one in enumerate(line.blocks):
        taking.subject(one.subject, field_of(Heading.BLOCKS, index))
    blocked = {one.grantee for one in blocks}
    authorisations = _ending(taking, StatementKind.STANDING, Heading.AUTHORISATIONS, line.authorisations, durations.standing)
    relations = _ending(taking, StatementKind.CARE_RELATION, Heading.CARE_RELATIONS, line.care_relations, durations.care_relation)
    statements = (*blocks, *(one for one in (*authorisations, *relations) if one.grantee not in blocked))
    if len(statements) > durations.most_statements:
        raise _broken(Heading.AUTHORISATIONS, f"a record holds at most {durations.most_statements} statements")
    return statements


def _ending(taking: _Taking, kind: StatementKind, heading: Heading, entries: tuple[Entry, ...], lasts: timedelta) -> Iterator[Statement]:
    """What permits has an end: its own, or that of rules.md 3 for a professional. One that is past is kept as ended, for TD0.2 to tell."""
    for index, entry in enumerate(entries):
        field = field_of(heading, index)
        if entry.end is None and not entry.subject.is_professional:
            raise _broken(field, "the end is required for a structure")
        yield _statement(taking, kind, entry, field, entry.end if entry.end is not None else entry.begin + lasts)


def _statement(taking: _Taking, kind: StatementKind, entry: Entry, field: str, end: datetime | None) -> Statement:
    grantee = taking.subject(entry.subject, field).name
    return Statement(taking.new_id(), grantee, kind, entry.begin, end, taking.person.patient)


def _attending(taking: _Taking) -> tuple[AttendingPhysician, ...]:
    """The attending physician (rules.md 4): a doctor, pending unless the earlier system says that the person gave or confirmed him."""
    told = taking.line.attending
    if told is None:
        return ()
    doctor = taking.subject(told.subject, Heading.ATTENDING)
    if DOCTOR not in doctor.professions:
        raise _broken(Heading.ATTENDING, "must be a doctor (profession 10)")
    if told.end is not None and told.end > taking.now:
        raise _broken(Heading.ATTENDING, "must not end in the future: an attending physician is one until the person says otherwise")
    return () if told.end is not None else (AttendingPhysician(doctor.name, is_confirmed=taking.line.is_confirmed),)


def _closed(taking: _Taking, consent: Consent) -> Consent:
    """The record as closed there, with date and code; refused when it is past its ten years (CSP L1111-18)."""
    line, terms = taking.line, taking.rules.closing
    if (line.closed is None) != (line.closing_code == ""):
        raise _broken(Heading.CLOSING_CODE, "a closed record has both its date and its code, an open one neither")
    if line.closed is None:
        return consent
    if line.closing_code not in taking.rules.closing_codes - {DESTRUCTION}:
        raise _broken(Heading.CLOSING_CODE, "must be a motive that the table of closings has")
    if destroy_time(line.closed, terms) <= taking.now:
        raise _broken(Heading.CLOSED, "a closed record is kept for a time, and that is over: it is to be destroyed where it is")
    will = Evidence("", "", "", "", line.closed)
    return closed(replace(consent, closing=Closing(line.closing_code, will, due=line.closed)), line.closed, terms)


def _broken(field: str, rule: str) -> RuleBrokenError:
    return RuleBrokenError("INVALID_FIELD", rule, field=str(field))
