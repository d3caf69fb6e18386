"""The rules of docs/rules.md, 1 to 13 and 19, a second time: written from the rules and the tables alone, to be compared with the product.

It shares no code and no way of working with the service of consent: it keeps what was told of a record as a list and answers each question
by reading that list from its beginning (`reference_book.py`). What it answers is coarser than a decision: the reasons under which a refusal
would be right (rules.md 1 orders the steps, not the reasons within one), or the documents that are opened. A word it does not know changes
nothing.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from support.reference_book import OPENING, Standing, Told

CARE, EMERGENCIES, OWN_REQUEST = "TREATMENT", ("BREAK_GLASS", "EMERGENCY_DISPATCH"), "PATIENT_REQUEST"
PURPOSES = {"READ": (CARE, *EMERGENCIES, OWN_REQUEST), "DEPOSIT": (CARE, "SYSTEM_DEPOSIT", OWN_REQUEST)}
# What the holder may do, and who represents her; a caregiver reads (rules.md 12 and 13).
RIGHTS = {"": ("READ", "DEPOSIT", "MANAGE", "READ_HISTORY"), "MINOR": ("READ", "DEPOSIT", "MANAGE"), "ADULT": ("READ", "DEPOSIT")}


@dataclass(frozen=True, slots=True)
class Asks:
    """Who asks for what, as token and request say.

    `has_left`: session, activity, structure, mandate or certificate withdrawn. `regulates`: dispatch doctor of Centre 15. For who acts for
    another: the holder of her mandate, its kind (MINOR, ADULT, CAREGIVING), a caregiver's classes, and the places of care hidden from her.
    """

    who: str
    role: str
    place: str
    purpose: str
    action: str = "READ"
    purpose_of_token: str | None = None  # None where it is the purpose of the request
    has_left: bool = False
    regulates: bool = False
    on_behalf_of: str = ""
    mandate: str = ""
    mandate_ends: datetime | None = None
    scope: tuple[str, ...] = ()
    places_hidden: tuple[str, ...] = ()

    @property
    def acts_for_another(self) -> bool:
        return self.role in ("REPRESENTATIVE", "CAREGIVER")


@dataclass(frozen=True, slots=True)
class Paper:
    """A document: what can matter to who sees it. `by` is its named author."""

    name: str
    kind: str
    labels: frozenset[str] = frozenset()
    by: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Refused for one of these reasons; or, where there is none, what is opened."""

    reasons: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    is_emergency: bool = False


class Reference:
    """The rules over one edition of the tables."""

    def __init__(self, folder: Path) -> None:
        self.class_of = dict(_rows(folder / "type-class.csv"))
        self._reading = {(who, what) for who, what, right, _ in _rows(folder / "matrice-habilitation.csv") if right == "R"}
        self._exceptions = [(who, kind, rule) for who, kind, rule, _ in _rows(folder / "matrice-exceptions.csv")]
        self._depositing = {(who, what, kind) for who, what, kind, _ in _rows(folder / "matrice-depot.csv")}
        self._emergency = {(purpose, who) for purpose, who, _ in _rows(folder / "professions-urgence.csv")}
        self._directives = {kind for _, kind, _ in _rows(folder / "types-urgence.csv")}
        self.may_read = cache(self._may_read)

    def answer(self, asks: Asks, holder: str, book: Sequence[Told], papers: Sequence[Paper], now: datetime) -> Answer:
        """Answer one question about the record of a holder, of which this was told, with these documents."""
        standing = Standing(book, now)
        for step in (self._context(asks), self._record(asks, holder, standing, now), self._consent(asks, standing)):  # rules.md 1
            if reasons := frozenset(step):
                return Answer(reasons)
        if asks.action == "DEPOSIT":
            return Answer(seen=frozenset(paper.name for paper in papers if self._may_feed(asks, standing, paper.kind)))
        seen = (paper.name for paper in papers if asks.action == "READ" and self._may_see(asks, standing, paper))
        return Answer(seen=frozenset(seen), is_emergency=asks.purpose in EMERGENCIES)

    def _context(self, asks: Asks) -> Iterator[str]:
        """Rules.md 1 and 6: purpose, person, structure. What is absent refuses."""
        is_professional, is_person = asks.who.startswith("professionals/"), asks.who.startswith("patients/")
        if asks.has_left:
            yield "SESSION_WITHDRAWN"
        if not asks.who or not asks.role or (is_professional and not asks.place):
            yield "USER_UNKNOWN"
        fits = asks.purpose in PURPOSES.get(asks.action, (OWN_REQUEST,))
        if not fits or asks.purpose_of_token not in (None, asks.purpose) or is_person != (asks.purpose == OWN_REQUEST):
            yield "PURPOSE_NOT_ALLOWED"
        if asks.action == "READ" and not (is_professional or is_person):  # domain.md 3.7, 4d
            yield "ROLE_NOT_ALLOWED"

    def _record(self, asks: Asks, holder: str, standing: Standing, now: datetime) -> Iterator[str]:
        """Rules.md 1, 7, 12, 15, 18: whether there is one, for whom, and its state."""
        if asks.acts_for_another and (not asks.mandate or (asks.mandate_ends is not None and asks.mandate_ends <= now)):
            yield "MANDATE_NOT_IN_FORCE"
        is_stranger = asks.purpose == OWN_REQUEST and holder != (asks.on_behalf_of if asks.acts_for_another else asks.who)
        if (
            standing.life not in ("ACTIVE", "CLOSED") or is_stranger
        ):  # none before it opens; rules.md 7: its state is told to a professional, who must be able to ask
            yield "NOT_FOUND"
        if standing.on & {"MASKED", "DIRECTIVES"} and not standing.on & {"BTG", "ETREAT"}:  # rules.md 6: what conflicts refuses
            yield "CONSENT_UNREADABLE"
        elif standing.life == "CLOSED" and not (asks.who == holder and asks.action in ("READ", "READ_HISTORY")):  # 15: history, export
            yield "RECORD_CLOSED"

    def _consent(self, asks: Asks, standing: Standing) -> Iterator[str]:
        """Rules.md 2, 3, 12, 13, 19: whether anything is opened at all."""
        if asks.purpose == OWN_REQUEST:
            if asks.action not in RIGHTS.get(asks.mandate, ("READ",) if asks.scope else ()):
                yield "ROLE_NOT_ALLOWED"
        elif asks.action == "DEPOSIT":  # rules.md 19: no consent is needed, and no block stops it
            if not any(self.may_deposit(asks, kind) for kind in self.class_of):
                yield "ROLE_NOT_ALLOWED"
            if standing.opposes_deposits("", asks.who, asks.place):  # domain.md 3.1, 6
                yield "DEPOSIT_OPPOSED"
        elif asks.purpose in EMERGENCIES:
            yield from self._emergency_refusals(asks, standing)
        elif standing.says(["blocked"], asks.who, asks.place):
            yield "BLOCKED"
        elif not standing.says(OPENING, asks.who, asks.place):
            yield "NEEDS_CONSENT"
        elif not any(self.may_read(asks.role, kind) for kind in self.class_of):
            yield "ROLE_NOT_ALLOWED"

    def _emergency_refusals(self, asks: Asks, standing: Standing) -> Iterator[str]:
        """Rules.md 9: opposition stops it, a block does not."""
        is_glass = asks.purpose == "BREAK_GLASS"
        if ("BTG" if is_glass else "ETREAT") not in standing.on:
            yield "EMERGENCY_OPPOSED"
        if (asks.purpose, asks.role) not in self._emergency or not (is_glass or asks.regulates):
            yield "EMERGENCY_PROFESSION_NOT_ALLOWED" if is_glass else "PURPOSE_NOT_ALLOWED"
        if is_glass and ("glass broken", asks.who, asks.place) not in standing.holds:
            yield "EPISODE_ENDED"

    def _may_see(self, asks: Asks, standing: Standing, paper: Paper) -> bool:
        """Whether a document is among what was opened."""
        if standing.hidden & {(paper.name, asks.who), (paper.name, asks.place)}:  # rules.md 2, 9, 13: a named hide stays closed
            return False
        if asks.purpose == OWN_REQUEST:  # rules.md 12 to 14: the holder, who represents her, and who helps her
            is_secret = "INVISIBLE_REPRESENTANTS_LEGAUX" in paper.labels and asks.mandate in ("MINOR", "CAREGIVING")
            is_outside = asks.mandate == "CAREGIVING" and self.class_of.get(paper.kind) not in asks.scope
            return not (is_secret or is_outside or "INVISIBLE_PATIENT" in paper.labels or paper.place in asks.places_hidden)
        if paper.by == asks.who:  # rules.md 5: who deposited, beyond mask and habilitation
            return True
        if not paper.by and paper.place == asks.place and standing.says(["care"], asks.who, asks.place):
            return True
        is_accepted = "MASKED" in standing.on or ("DIRECTIVES" in standing.on and paper.kind in self._directives)
        opens_masked = is_accepted if asks.purpose in EMERGENCIES else standing.attending == asks.who  # rules.md 9 and 4
        return ("MASQUE_PS" not in paper.labels or opens_masked) and self.may_read(asks.role, paper.kind)

    def _may_read(self, profession: str, kind: str) -> bool:
        """Whether the habilitation of a profession covers a type (data/README.md)."""
        exact = {rule for who, what, rule in self._exceptions if (who, what) == (profession, kind)}
        wild = [(who.split("-"), rule) for who, what, rule in self._exceptions if what == kind and who.startswith("*")]
        is_profession = profession.isdigit() or profession == "SOC"  # `*-10-60` speaks of these, but for the two named
        everybody = {rule for (_, *but), rule in wild if is_profession and profession not in but}
        if not any(who == profession for who, _ in self._reading):
            everybody -= {"A"}  # an allowance for everybody counts for professions that may read something
        for level in (exact, everybody):  # an exact line beats a wildcard; within one level a denial beats an allowance
            if level:
                return "D" not in level
        return (profession, self.class_of.get(kind)) in self._reading

    def _may_feed(self, asks: Asks, standing: Standing, kind: str) -> bool:
        """Whether somebody may deposit this: her own deposits, and those of who acts for her, are nobody's to oppose."""
        is_opposed = asks.purpose != OWN_REQUEST and standing.opposes_deposits(self.class_of.get(kind, ""), asks.who, asks.place)
        return self.may_deposit(asks, kind) and not is_opposed

    def may_deposit(self, asks: Asks, kind: str) -> bool:
        """Whether the table of deposits has a line for it (rules.md 19)."""
        actor = "RL" if asks.acts_for_another else asks.role
        return any((actor, self.class_of.get(kind, ""), covered) in self._depositing for covered in (kind, "*"))


def _rows(file: Path) -> list[list[str]]:
    """The lines of a table without its first."""
    return list(csv.reader(file.read_text(encoding="utf-8").splitlines(), delimiter=";"))[1:]
