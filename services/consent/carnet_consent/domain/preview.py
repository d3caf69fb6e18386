"""What a change would alter, before it is made: who gains or loses which documents.

Only those are asked for of whom the record would state something else: for everybody else the decision reads the same before and after.
Each is asked for by `decide` and its filter, on the record before and after. Documents that look alike to a filter are asked for once
(documents.py).

    a statement, a hiding, an attending physician, an emergency: of that professional or structure
    a statement or hiding about a structure: besides, of each professional who is stated by name, as acting for it, and of each who
      deposited, if what he deposited makes it another for him than for the others of his profession
    a switch: besides, of anybody in an emergency, of each profession
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from carnet_consent.domain.asker import Action, Asker, Purpose
from carnet_consent.domain.consent import Consent, StatementKind
from carnet_consent.domain.context import Question
from carnet_consent.domain.decision import decide
from carnet_consent.domain.documents import Documents, Opened
from carnet_consent.domain.filter import DocumentFacts, DocumentFilter
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Permit
from carnet_consent.domain.readers import ANYBODY, SOMEWHERE, About, emergency_roles, in_an_emergency, professions_alike, standings

ADVANCE_DIRECTIVES = "EXPPAT_3"
"""The type of advance directives (JDV_J07, domain.md 5)."""
EMERGENCIES = (Purpose.BREAK_GLASS, Purpose.EMERGENCY_DISPATCH)


@dataclass(frozen=True, slots=True)
class Link:
    """What the asker knows two documents to have in common."""

    document: str
    linked: str
    kind: str


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A document that does not follow one to which it is linked."""

    link: Link
    """From a document that is gained or lost, to the one that is not."""
    is_readable: bool
    """Whether the linked document can be read after the change."""


@dataclass(frozen=True, slots=True)
class ReaderChange:
    """What one reader would gain and lose."""

    name: str
    """`professionals/{p}` or `structures/{s}`; `patients/{p}` for a person who acts for the holder; empty for anybody in an emergency."""
    roles: tuple[str, ...]
    structure: str
    """For which structure; empty when it does not matter, and for a structure."""
    purpose: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    left_behind: tuple[LeftBehind, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would alter."""

    changes: tuple[ReaderChange, ...]
    closed_directives: tuple[str, ...]
    """Advance directives that no professional could read any more."""
    closed_in_emergency: tuple[str, ...]
    """Advance directives that nobody could read any more in an emergency."""


@dataclass(frozen=True)
class Change:
    """A record before and after a change, the documents it is about, and what is known of their readers."""

    before: Consent
    after: Consent
    documents: Documents
    professions: Mapping[str, str]
    """TRE_G15 code of each of `asked_by_name`."""
    habilitation: Habilitation
    now: datetime
    links: tuple[Link, ...] = ()
    abouts: tuple[About, About] = field(init=False, repr=False)
    decided: dict[tuple[About, Asker], DocumentFilter | None] = field(init=False, repr=False, default_factory=dict)
    opened: dict[tuple[About, Asker], Opened] = field(init=False, repr=False, default_factory=dict)
    """What was asked already."""

    def __post_init__(self) -> None:
        """Sort what is stated by whom it is about, once."""
        object.__setattr__(self, "abouts", (About(self.before), About(self.after)))

    @cached_property
    def professions_alike(self) -> dict[str, tuple[str, ...]]:
        """The professions, under one of those that read the same."""
        return professions_alike(self.habilitation)

    def names(self, professional: str) -> bool:
        """Whether the record names this professional, before or after."""
        return any(about.names(professional) for about in self.abouts)


def asked_by_name(before: Consent, after: Consent, documents: Documents) -> tuple[str, ...]:
    """The professionals whose professions must be known to tell what a change alters.

    All of them where it is about a structure, or where advance directives might close; else those alone whom it is about.
    """
    names = affected(before, after)
    everybody = any(name.startswith("structures/") for name in names) or any(documents.of_type(ADVANCE_DIRECTIVES))
    return known(before, after, documents) if everybody else tuple(name for name in names if name.startswith("professionals/"))


def known(before: Consent, after: Consent, documents: Documents) -> tuple[str, ...]:
    """Every professional of whom the record states something, before or after, or who deposited."""
    names = [*(name for consent in (before, after) for name in _named(consent)), *documents.depositors()]
    return tuple(dict.fromkeys(name for name in names if name.startswith("professionals/")))


def _named(consent: Consent) -> Iterator[str]:
    yield from (statement.grantee for statement in consent.statements)
    yield from (hide.grantee for hide in consent.hides)
    yield from (doctor.professional for doctor in consent.attending_physicians)
    yield from (episode.professional for episode in consent.episodes)


def preview(change: Change) -> Preview:
    """Tell who would gain or lose what, and whether advance directives would become unreadable."""
    changes = tuple(_told_once(one for askers in _asked(change) for one in _changes(change, *askers)))
    lost: set[str] = set().union(*(one.lost for one in changes))
    return Preview(
        changes,
        closed_directives=tuple(_closed(change, lost, _somebody_reads)),
        closed_in_emergency=tuple(_closed(change, lost, _reads_in_emergency)),
    )


def affected(before: Consent, after: Consent) -> tuple[str, ...]:
    """Of whom the record would state something else."""
    stated = [one.grantee for one in set(before.statements) ^ set(after.statements)]
    hidden = [one.grantee for one in set(before.hides) ^ set(after.hides)]
    doctors = [one.professional for one in set(before.attending_physicians) ^ set(after.attending_physicians)]
    broken = [one.professional for one in set(before.episodes) ^ set(after.episodes)]
    if before.switches != after.switches:
        broken += [one.professional for one in before.episodes]
    return tuple(dict.fromkeys((*stated, *hidden, *doctors, *broken)))


def _asked(change: Change) -> Iterator[tuple[str, str, list[Asker]]]:
    """Whom to ask for: each reader's name, the structure to tell, and the askers that stand for him."""
    for name in affected(change.before, change.after):
        if name.startswith("patients/"):
            yield name, "", []
        elif name.startswith("structures/"):
            yield name, "", [Asker(ANYBODY, role, name, Purpose.TREATMENT) for role in change.professions_alike]
            for professional in known(change.before, change.after, change.documents):
                asker = _professional(change, professional, name)
                if not _is_as_for_anybody(change, asker):  # what is told of the structure says it
                    yield professional, name, [asker]
        else:
            yield from _of_professional(change, name)
    if change.before.switches != change.after.switches:
        for purpose in EMERGENCIES:
            roles = sorted(change.habilitation.emergency_professions.get(purpose, ()))
            yield "", "", [Asker(ANYBODY, role, SOMEWHERE, purpose, is_dispatch_doctor=True) for role in roles]


def _of_professional(change: Change, name: str) -> Iterator[tuple[str, str, list[Asker]]]:
    yield name, "", [_professional(change, name, SOMEWHERE)]
    episodes = {one.structure for about in change.abouts for one in about.episodes.get(name, ()) if one.is_open(change.now)}
    for structure in sorted(episodes):
        yield name, structure, [replace(_professional(change, name, structure), purpose=Purpose.BREAK_GLASS)]
    # He may read by what is stated about his structure; and his own care relation opens what it deposited without an author.
    places = {place for about in change.abouts for place in about.structures(change.now)}
    statements = [one for about in change.abouts for one in about.statements.get(name, ())]
    if any(one.kind == StatementKind.CARE_RELATION for one in statements):
        places |= set(change.documents.places())
    for structure in sorted(places):
        yield name, structure, [_professional(change, name, structure)]


def _told_once(changes: Iterator[ReaderChange]) -> Iterator[ReaderChange]:
    """Leave out what is the same for one of a professional's structures as for any, and what was told already."""
    told: set[ReaderChange] = set()
    for change in changes:
        if change not in told and replace(change, structure="") not in told:
            yield change
        told.add(change)


def _is_as_for_anybody(change: Change, asker: Asker) -> bool:
    """Whether the record names this professional neither before nor after, and he gains and loses what anybody of his profession does."""
    if change.names(asker.subject):
        return False
    own, anybodys = (tuple(_opened(change, about, who) for about in change.abouts) for who in (asker, replace(asker, subject=ANYBODY)))
    return own == anybodys or _altered(change, *own) == _altered(change, *anybodys)


def _altered(change: Change, before: Opened, after: Opened) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is gained and what is lost."""
    return change.documents.beyond(after, before), change.documents.beyond(before, after)


def _professional(change: Change, name: str, structure: str) -> Asker:
    return Asker(name, change.professions.get(name, ""), structure, Purpose.TREATMENT)


def _changes(change: Change, name: str, structure: str, askers: list[Asker]) -> Iterator[ReaderChange]:
    """What the askers that stand for one reader gain and lose: one change for all professions with the same."""
    if name.startswith("patients/"):
        yield _of_person(change, name)
        return
    same: dict[tuple[Opened, Opened], list[Asker]] = defaultdict(list)
    for asker in askers:
        before, after = (_opened(change, about, asker) for about in change.abouts)
        if before != after:
            same[before, after].append(asker)
    for (before, after), readers in same.items():
        gained, lost = _altered(change, before, after)
        if gained or lost:
            together = change.professions_alike if readers[0].subject == ANYBODY and readers[0].purpose == Purpose.TREATMENT else {}
            roles = tuple(sorted(role for reader in readers for role in together.get(reader.role, (reader.role,))))
            readable = change.documents.names(after) if change.links else frozenset()
            left = tuple(_left_behind(change.links, {*gained, *lost}, readable))
            yield ReaderChange(name, roles, structure, readers[0].purpose, gained, lost, left)


def _of_person(change: Change, name: str) -> ReaderChange:
    """A person who acts for the holder: whether she reads them otherwise is the matter of her mandate."""
    hidden, becomes = (frozenset(hide.document for hide in about.hides.get(name, ())) for about in change.abouts)
    return ReaderChange(name, (), "", Purpose.PATIENT_REQUEST, tuple(sorted(hidden - becomes)), tuple(sorted(becomes - hidden)))


def _opened(change: Change, about: About, asker: Asker) -> Opened:
    """What is open to an asker. All of one profession whom the record does not name are decided about once: only their deposits differ."""
    if (about, asker) not in change.opened:
        somebody = asker if change.names(asker.subject) else replace(asker, subject=ANYBODY)
        if (about, somebody) not in change.decided:
            change.decided[about, somebody] = _filter(change, about, somebody)
        terms = change.decided[about, somebody]
        change.opened[about, asker] = change.documents.opened(terms and replace(terms, own_professional=asker.subject))
    return change.opened[about, asker]


def _filter(change: Change, about: About, asker: Asker) -> DocumentFilter | None:
    stated = about.of(asker)
    if asker.subject == ANYBODY and asker.purpose in EMERGENCIES:
        stated = in_an_emergency(stated, asker, change.now)
    outcome = decide(Question(asker, asker.purpose, Action.READ), stated, change.habilitation, change.now).outcome
    return outcome.filter if isinstance(outcome, Permit) else None


def _left_behind(links: tuple[Link, ...], changed: set[str], readable: frozenset[str]) -> Iterator[LeftBehind]:
    for link in links:
        if (link.document in readable) != (link.linked in readable):  # of two that go together neither is left behind
            for one in (link, Link(link.linked, link.document, link.kind)):
                if one.document in changed:
                    yield LeftBehind(one, one.linked in readable)


def _closed(change: Change, lost: set[str], reads: Callable[[Change, Consent, DocumentFacts], bool]) -> Iterator[str]:
    """Which advance directives somebody reads before and nobody after. Those hidden from nobody by name are asked for once a group."""
    hidden = {hide.document for consent in (change.before, change.after) for hide in consent.hides}
    for facts, names in change.documents.of_type(ADVANCE_DIRECTIVES):
        closing = [name for name in names if name in lost]
        closes = {
            name: reads(change, change.before, document) and not reads(change, change.after, document)
            for name in {name if name in hidden else "" for name in closing}
            for document in (replace(facts, name=name),)
        }
        yield from (name for name in closing if closes[name if name in hidden else ""])


def _somebody_reads(change: Change, consent: Consent, document: DocumentFacts) -> bool:
    return any(one.allows for one in standings(consent, document, change.professions, change.habilitation, change.now))


def _reads_in_emergency(change: Change, consent: Consent, document: DocumentFacts) -> bool:
    return any(emergency_roles(consent, document, change.habilitation, purpose, change.now) for purpose in EMERGENCIES)
