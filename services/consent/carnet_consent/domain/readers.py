"""Who can read a document now: every professional and structure of whom the record, or the document, says something.

Each is asked for as the decision would be: by the checks, precedence and filter of `decision.py`, on what the record states about him.
What it states about others says nothing about him, so a record of many statements costs no more than their number.

A professional is asked for as acting for a structure of which nothing is stated: a block or a care relation of his structure stands under
the name of the structure. A structure is asked for as anybody of each profession who acts for it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from carnet_consent.domain.asker import Action, Asker, Purpose
from carnet_consent.domain.consent import Consent, Episode, NamedHide, Statement
from carnet_consent.domain.context import Question
from carnet_consent.domain.explanation import Explanation, explain
from carnet_consent.domain.filter import TERMS, DocumentFacts
from carnet_consent.domain.matrix import HOLDER_ROLES, DocumentRights, Habilitation
from carnet_consent.domain.outcome import Permit
from carnet_consent.domain.step import Step, StepOutcome

ANYBODY = "professionals/-"
"""Stands for a professional of whom nothing is stated."""
SOMEWHERE = "structures/-"
"""Stands for a structure of which nothing is stated."""
OPENING = frozenset(
    {
        "authorisation-of-the-person",
        "authorisation-of-the-structure",
        "care-relation",
        "episode",
        "dispatch-right",
        "own-deposit",
        "deposit-of-the-structure",
    }
)
"""The steps that open when they pass; the last of them is why somebody reads."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether somebody reads a document now, and why."""

    name: str
    """`professionals/{p}` or `structures/{s}`; `patients/{p}` for a person from whom it is hidden by name."""
    roles: tuple[str, ...]
    """His profession; for a structure, those of its professionals who read, or for whom it is refused."""
    structure: str
    """For which structure; empty when it does not matter, and for a structure."""
    purpose: str
    allows: bool
    why: Step
    until: datetime | None
    """When what opens it ends by itself; None when it does not, or nothing opens."""
    is_attending: bool = False
    """Whether he is the confirmed attending physician, who sees what is masked from the others."""


class About:
    """What a record states, by whom it is about."""

    def __init__(self, consent: Consent) -> None:
        self.consent = consent
        self._of: dict[tuple[str, ...], Consent] = {}
        self.statements: dict[str, list[Statement]] = defaultdict(list)
        self.hides: dict[str, list[NamedHide]] = defaultdict(list)
        self.episodes: dict[str, list[Episode]] = defaultdict(list)
        for statement in consent.statements:
            self.statements[statement.grantee].append(statement)
        for hide in consent.hides:
            self.hides[hide.grantee].append(hide)
        for episode in consent.episodes:
            self.episodes[episode.professional].append(episode)

    def names(self, professional: str) -> bool:
        """Whether anything is stated about this professional himself."""
        stated = professional in self.statements or professional in self.hides or professional in self.episodes
        return stated or any(one.professional == professional for one in self.consent.attending_physicians)

    def structures(self, now: datetime) -> tuple[str, ...]:
        """The structures about which something is stated now, sorted."""
        of_structures = (name for name in self.statements if name.startswith("structures/"))
        return tuple(sorted(name for name in of_structures if any(one.is_in_force(now) for one in self.statements[name])))

    def of(self, asker: Asker) -> Consent:
        """The record without what it states about others than this asker: the same for all professions, so it is made once."""
        names = asker.grantees
        if names not in self._of:
            self._of[names] = replace(
                self.consent,
                statements=tuple(statement for name in names for statement in self.statements.get(name, ())),
                hides=tuple(hide for name in names for hide in self.hides.get(name, ())),
                episodes=tuple(self.episodes.get(asker.subject, ())),
                attending_physicians=tuple(one for one in self.consent.attending_physicians if one.professional == asker.subject),
            )
        return self._of[names]


def candidates(consent: Consent, document: DocumentFacts, now: datetime) -> tuple[str, ...]:
    """Of whom the record or the document says something: professionals, structures, persons from whom it is hidden; each once, in order."""
    stated = [statement.grantee for statement in consent.statements if statement.is_in_force(now)]
    hidden = [hide.grantee for hide in consent.hides if hide.document == document.name]
    doctors = [one.professional for one in consent.attending_physicians]
    deposited = [document.depositor or document.structure]
    broken = [episode.professional for episode in consent.episodes if episode.is_open(now)]
    return tuple(dict.fromkeys(name for name in (*stated, *hidden, *doctors, *deposited, *broken) if name))


def professionals(names: Iterable[str]) -> tuple[str, ...]:
    """Those whose profession must be known."""
    return tuple(name for name in names if name.startswith("professionals/"))


def standings(
    consent: Consent, document: DocumentFacts, professions: Mapping[str, str], habilitation: Habilitation, now: datetime
) -> Iterator[Standing]:
    """Tell of each candidate whether he reads the document now, and why.

    Args:
        consent: what the record states.
        document: what is known of the document.
        professions: TRE_G15 code of each professional among the candidates; an unknown one is refused.
        habilitation: the tables in force.
        now: UTC.
    """
    about, alike = About(consent), dict[tuple[object, ...], tuple[Standing, ...]]()
    for name in candidates(consent, document, now):
        if name.startswith("patients/"):
            yield Standing(name, (), "", Purpose.PATIENT_REQUEST, allows=False, why=_hidden(), until=None)
        elif name.startswith("structures/"):
            yield from _of_structure(about, name, document, habilitation, now, alike)
        else:
            yield from _of_professional(about, name, document, professions.get(name, ""), habilitation, now)


def emergency_roles(
    consent: Consent, document: DocumentFacts, habilitation: Habilitation, purpose: Purpose, now: datetime
) -> tuple[str, ...]:
    """The professions that would read the document in an emergency: by breaking the glass, or as dispatch doctors."""
    anybody = Asker(ANYBODY, "", SOMEWHERE, purpose)
    broken = in_an_emergency(About(consent).of(anybody), anybody, now)
    roles = sorted(habilitation.emergency_professions.get(purpose, ()))
    askers = (Asker(ANYBODY, role, SOMEWHERE, purpose, is_dispatch_doctor=True) for role in roles)
    return tuple(one.role for one in askers if _explained(one, broken, document, habilitation, now).allows)


def in_an_emergency(consent: Consent, asker: Asker, now: datetime) -> Consent:
    """The record as if this asker had just broken the glass. Whether he may is left to the decision."""
    begun = Episode("", asker.subject, asker.structure, now, datetime.max.replace(tzinfo=now.tzinfo))
    return replace(consent, episodes=(begun,))


def reading_roles(habilitation: Habilitation) -> tuple[str, ...]:
    """The professions that read some document at all."""
    return tuple(sorted(role for role, rights in habilitation.reading.items() if role not in HOLDER_ROLES and not rights.cover_nothing))


def professions_alike(habilitation: Habilitation) -> dict[str, tuple[str, ...]]:
    """The same professions, sorted by what they may read: under one of them all that read alike. In care nothing else is asked of one."""
    together: dict[DocumentRights, list[str]] = defaultdict(list)
    for role in reading_roles(habilitation):
        together[habilitation.may_read(role)].append(role)
    return {roles[0]: tuple(roles) for roles in together.values()}


def _of_professional(
    about: About, name: str, document: DocumentFacts, role: str, habilitation: Habilitation, now: datetime
) -> Iterator[Standing]:
    is_attending = about.consent.has_confirmed(name)
    asker = Asker(name, role, SOMEWHERE, Purpose.TREATMENT)
    told = _standing(asker, "", _explained(asker, about.of(asker), document, habilitation, now), is_attending=is_attending)
    for episode in about.episodes.get(name, ()):
        if episode.is_open(now):
            breaking = replace(asker, structure=episode.structure, purpose=Purpose.BREAK_GLASS)
            yield _standing(breaking, episode.structure, _explained(breaking, about.of(breaking), document, habilitation, now))
    for place in () if told.allows else _places(about, name, document, now):
        there = replace(asker, structure=place)
        explained = _explained(there, about.of(there), document, habilitation, now)
        if explained.allows:
            yield _standing(there, place, explained, is_attending=is_attending)
    yield told


def _places(about: About, name: str, document: DocumentFacts, now: datetime) -> Iterator[str]:
    """The structures for which a professional may read what he may not elsewhere, and others there may not.

    Where it deposited the document without a named author; and, where something is stated about it, if he is the attending physician or
    deposited the document himself, who see what is masked.
    """
    if not document.depositor and document.structure:
        yield document.structure
    if about.consent.has_confirmed(name) or document.depositor == name:
        yield from (place for place in about.structures(now) if document.depositor or place != document.structure)


def _of_structure(
    about: About,
    name: str,
    document: DocumentFacts,
    habilitation: Habilitation,
    now: datetime,
    alike: dict[tuple[object, ...], tuple[Standing, ...]],
) -> Iterator[Standing]:
    """Tell of a structure by profession. What is stated of two structures alike is worked out once, but for when it ends."""
    in_force = [statement for statement in about.statements.get(name, ()) if statement.is_in_force(now)]
    is_hidden = any(hide.document == document.name for hide in about.hides.get(name, ()))
    shape = (*sorted(statement.kind for statement in in_force), is_hidden, document.structure == name)
    if shape not in alike:
        stated = about.of(Asker(ANYBODY, "", name, Purpose.TREATMENT))
        by_role = [
            replace(_standing(asker, "", _explained(asker, stated, document, habilitation, now)), roles=roles)
            for roles in _alike_before(document, habilitation)
            for asker in (Asker(ANYBODY, roles[0], name, Purpose.TREATMENT),)
        ]
        alike[shape] = tuple(_joined(by_role))
    for standing in alike[shape]:
        until = _until(about, name, standing, habilitation, now) if standing.allows else None
        yield replace(standing, name=name, structure="", until=until)


def _alike_before(document: DocumentFacts, habilitation: Habilitation) -> Iterator[tuple[str, ...]]:
    """The professions whose habilitation covers a document, and those whose does not: in care nothing else is asked of a profession."""
    professions: dict[bool, list[str]] = defaultdict(list)
    for role in reading_roles(habilitation):
        professions[habilitation.may_read(role).cover(document.document_class, document.document_type)].append(role)
    return map(tuple, professions.values())


def _joined(by_role: list[Standing]) -> Iterator[Standing]:
    """One standing for all professions with the same answer; what is refused to some is left out where others read."""
    groups: dict[tuple[bool, Step], list[Standing]] = defaultdict(list)
    for standing in by_role:
        groups[standing.allows, standing.why].append(standing)
    somebody_reads = any(allows for allows, _ in groups)
    for (allows, _), alike in groups.items():
        if allows or not somebody_reads:
            yield replace(alike[0], roles=tuple(sorted(role for one in alike for role in one.roles)))


def _until(about: About, name: str, standing: Standing, habilitation: Habilitation, now: datetime) -> datetime | None:
    asker = Asker(ANYBODY, standing.roles[0], name, Purpose.TREATMENT)
    outcome = _explained(asker, about.of(asker), None, habilitation, now).decision.outcome
    return outcome.ends if isinstance(outcome, Permit) else None


def _explained(asker: Asker, stated: Consent, document: DocumentFacts | None, habilitation: Habilitation, now: datetime) -> Explanation:
    return explain(Question(asker, asker.purpose, Action.READ), stated, habilitation, now, document)


def _standing(asker: Asker, structure: str, explained: Explanation, *, is_attending: bool = False) -> Standing:
    outcome = explained.decision.outcome
    opens = [step for step in explained.steps if step.key in OPENING and step.outcome is StepOutcome.PASSED]
    why = opens[-1] if explained.allows and opens else explained.steps[-1]
    until = outcome.ends if explained.allows and isinstance(outcome, Permit) else None
    return Standing(asker.subject, (asker.role,), structure, asker.purpose, explained.allows, why, until, is_attending)


def _hidden() -> Step:
    term = TERMS[0]
    return Step(term.key, StepOutcome.REFUSED, term.rule, term.source)
