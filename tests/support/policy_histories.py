"""Random histories of a record and questions about it, made from a seed: the same seed makes the same history.

A history knows nothing of what the rules answer: its steps are as often forbidden as allowed. Its people, places and documents bear a tag,
so that many histories can be told to one service at once.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from support.reference_changes import Change
from support.reference_evaluator import CARE, OWN_REQUEST, Asks, Paper, Told

BEGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAUSES = (
    *(timedelta(minutes=1), timedelta(minutes=1), HOUR, HOUR, HOUR, 4 * HOUR, 4 * HOUR, 13 * HOUR, 24 * HOUR),
    *(timedelta(days=30), timedelta(days=365)),
)
"""Among them the very lengths after which something ends."""
LASTING = (HOUR, 4 * HOUR, 24 * HOUR, timedelta(days=30))
PROFESSIONS = ("10", "10", "10", "10", "10", "10", "60", "60", "60", "50", "50", "21", "40", "70", "95", "86", "36", "93", "SOC")
KINDS = (
    *("11502-2", "11502-2", "11506-3", "ATTEST-RESID", "80788-3", "75496-0", "68599-0", "83901-9", "83981-1", "EXPPAT_3", "PROT_ALD"),
    *("REMB", "28653-4", "DOCPAT06", "68817-6", "IN-NO-TABLE"),
)
LABELS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
SWITCHES = ("BTG", "ETREAT", "MASKED", "DIRECTIVES")


@dataclass(frozen=True, slots=True)
class Step:
    """A change that somebody wants, or none, and the questions asked after it."""

    at: datetime
    change: Change | None
    questions: tuple[Asks, ...]


@dataclass(frozen=True, slots=True)
class History:
    """A record's history."""

    seed: int
    holder: str
    record: str
    roles: dict[str, str]
    """The profession of each professional."""
    papers: tuple[Paper, ...]
    steps: tuple[Step, ...]
    mandataries: tuple[Asks, ...]
    """Her representative and her caregiver."""


def history(seed: int, *, record: str = "records/r", times: Sequence[datetime] = (), has_hand: bool = True) -> History:
    """Make the history of a seed.

    Args:
        seed: the same makes the same.
        record: its name.
        times: when its steps happen; by default at times of its own.
        has_hand: whether the record changes as well by the hand of an operator, who is no user of consent.
    """
    chance = random.Random(seed)
    times = times or _times(chance)
    return _Author(chance, f"h{seed}", record, times[0], has_hand=has_hand).history(seed, times)


def _times(chance: random.Random) -> list[datetime]:
    times = [BEGIN]
    for _ in range(chance.randint(3, 9)):
        times.append(times[-1] + chance.choice(PAUSES))
    return times


class _Author:
    """Invents one history."""

    def __init__(self, chance: random.Random, tag: str, record: str, begin: datetime, *, has_hand: bool) -> None:
        self._chance, self._tag, self._record, self._begin, self._has_hand = chance, tag, record, begin, has_hand
        self._professionals = {f"professionals/{tag}-{letter}": chance.choice(PROFESSIONS) for letter in "abc"}
        self._places = (f"structures/{tag}-s", f"structures/{tag}-t")
        self._holder = f"patients/{tag}-holder"
        self._papers = tuple(self._paper(number) for number in range(7))
        self._mandataries = (self._mandatary("REPRESENTATIVE"), self._mandatary("CAREGIVER"))
        self._proposed: list[Told] = []
        self._left: set[tuple[str, str]] = set()

    def history(self, seed: int, times: Sequence[datetime]) -> History:
        steps = []
        for at in times:
            change = self._change(at)
            self._proposed.append(change.told)
            steps.append(Step(at, change, tuple(self._question() for _ in range(3))))
        last = Step(times[-1], None, tuple(self._question() for _ in range(9)))
        return History(seed, self._holder, self._record, self._professionals, self._papers, (*steps, last), self._mandataries)

    def _paper(self, number: int) -> Paper:
        labels = frozenset(label for label in LABELS if self._chance.random() < 0.4)
        by = self._chance.choice(("", "", *self._professionals))
        return Paper(f"{self._record}/documents/{number}", self._chance.choice(KINDS), labels, by, self._chance.choice(self._places))

    def _mandatary(self, role: str) -> Asks:
        chance = self._chance
        mandate = "CAREGIVING" if role == "CAREGIVER" else chance.choice(("MINOR", "ADULT"))
        return Asks(
            f"patients/{self._tag}-{role.lower()}",
            role,
            "",
            OWN_REQUEST,
            on_behalf_of=self._holder if chance.random() < 0.9 else "patients/somebody",
            mandate=mandate,
            mandate_ends=self._begin + chance.choice(LASTING) if role == "CAREGIVER" or chance.random() < 0.2 else None,
            scope=chance.choice((("10",), ("10", "11", "52"), ())) if role == "CAREGIVER" else (),
            places_hidden=self._places[:1] if chance.random() < 0.3 else (),
        )

    def _question(self) -> Asks:
        chance = self._chance
        if chance.random() < 0.4 and self._proposed:
            return self._concerned(chance.choice(self._proposed))
        if chance.random() < 0.6:
            asks = self._professional()
        else:
            asks = chance.choice((self._person(), self._person("patients/stranger"), *self._mandataries, self._system()))
        action = chance.choices(("READ", "DEPOSIT", "MANAGE", "READ_HISTORY"), (16, 3, 1, 1))[0]
        token = chance.choice((CARE, "BREAK_GLASS", "")) if chance.random() < 0.04 else None
        return replace(asks, action=action, purpose_of_token=token)

    def _concerned(self, told: Told) -> Asks:
        """Whom something was told about asks to read."""
        asks = self._professional()
        who = told.about if told.about in self._professionals else asks.who
        place = told.place or (told.about if told.about in self._places else asks.place)
        purpose = "BREAK_GLASS" if told.what == "glass broken" else CARE
        return replace(asks, who=who, role=self._professionals[who], place=place, purpose=purpose, has_left=(who, place) in self._left)

    def _professional(self) -> Asks:
        chance = self._chance
        who = chance.choices(tuple(self._professionals), (3, 2, 1))[0]
        place = chance.choices((*self._places, ""), (10, 6, 1))[0]
        purposes = (CARE, "BREAK_GLASS", "EMERGENCY_DISPATCH", "SYSTEM_DEPOSIT", OWN_REQUEST, "OPERATIONS")
        purpose = chance.choices(purposes, (20, 10, 5, 1, 1, 1))[0]
        has_left = (who, place) in self._left
        return Asks(who, self._professionals[who], place, purpose, has_left=has_left, regulates=chance.random() < 0.7)

    def _acting(self) -> Asks:
        """A professional in care, as a rule."""
        asks = self._professional()
        return replace(asks, purpose=CARE) if self._chance.random() < 0.8 else asks

    def _person(self, who: str = "") -> Asks:
        return Asks(who or self._holder, "PATIENT", "", OWN_REQUEST)

    def _system(self) -> Asks:
        role, purpose = self._chance.choice(
            (("INSURER", "SYSTEM_DEPOSIT"), ("STRUCTURE", "SYSTEM_DEPOSIT"), ("STRUCTURE", CARE), ("CPE", CARE))
        )
        return Asks(self._places[0], role, self._places[0], purpose)

    def _change(self, at: datetime) -> Change:
        chance = self._chance
        if chance.random() < 0.2:
            return self._by_hand(at)
        make = chance.choices(
            (
                self._stated_by_holder,
                self._stated_by_professional,
                self._taken_back,
                self._hidden,
                self._attending,
                self._switched,
                self._glass,
            ),
            (7, 5, 3, 4, 3, 2, 6),
        )[0]
        return make(at)

    def _by_hand(self, at: datetime) -> Change:
        who, place = self._chance.choice(tuple(self._professionals)), self._chance.choice(self._places)
        what = self._chance.choices(("left", "closed", "reopened", "switched"), (3, 1, 3, 1))[0] if self._has_hand else "left"
        if what == "left":
            return self.leaving(at, who, place)
        return Change(None, Told(at, what, on=self._switches() if what == "switched" else frozenset()))

    def leaving(self, at: datetime, who: str, place: str) -> Change:
        """A professional no longer works there."""
        self._left.add((who, place))
        return Change(None, Told(at, "left", who, place=place))

    def _switches(self) -> frozenset[str]:
        return frozenset(one for one in SWITCHES if self._chance.random() < 0.7)

    def _manager(self) -> Asks:
        return self._chance.choices((self._person(), *self._mandataries), (8, 2, 1))[0]

    def _grantee(self) -> str:
        return self._chance.choices((*self._professionals, *self._places), (4, 2, 1, 3, 2))[0]

    def _end(self, at: datetime) -> datetime | None:
        return self._chance.choices((None, at + self._chance.choice(LASTING), at), (4, 10, 1))[0]

    def _stated_by_holder(self, at: datetime) -> Change:
        what = self._chance.choice(("authorised", "authorised", "authorised once", "care", "care", "blocked", "blocked"))
        until = self._end(at)
        if what == "authorised once" and until is not None:
            until = min(until, at + 24 * HOUR)
        return Change(self._manager(), Told(at, what, self._grantee(), until=until))

    def _stated_by_professional(self, at: datetime) -> Change:
        by = self._acting()
        what = self._chance.choices(("authorised", "authorised once", "care", "blocked"), (3, 3, 4, 1))[0]
        about = by.who if self._chance.random() < 0.9 else self._grantee()
        return Change(by, Told(at, what, about, until=None if what == "authorised once" else self._end(at)))

    def _taken_back(self, at: datetime) -> Change:
        what = self._earlier("authorised", "authorised once", "care", "blocked")
        by = self._manager() if self._chance.random() < 0.7 else self._acting()
        return Change(by, Told(at, "taken back", what.about, undoes=what.what))

    def _hidden(self, at: datetime) -> Change:
        paper = self._chance.choice(self._papers)
        about = self._grantee() if self._chance.random() < 0.7 else self._chance.choice(self._mandataries).who
        hidden = [told for told in self._proposed if told.what == "hidden"]
        if hidden and self._chance.random() < 0.4:
            earlier = self._chance.choice(hidden)
            return Change(self._manager(), Told(at, "shown", earlier.about, document=earlier.document))
        return Change(self._manager(), Told(at, "hidden", about, document=paper.name))

    def _attending(self, at: datetime) -> Change:
        what = self._chance.choice(("attending", "attending", "declared", "dismissed"))
        if what == "declared" or (what == "dismissed" and self._chance.random() < 0.5):
            by = self._acting()
            return Change(by, Told(at, what, by.who))
        confirms = what == "attending" and self._chance.random() < 0.3
        about = self._earlier("attending").about if what == "dismissed" else self._doctor()
        return Change(self._manager(), Told(at, what, about, undoes="declared" if confirms else ""))

    def _doctor(self) -> str:
        doctors = [who for who, role in self._professionals.items() if role == "10"]
        return self._chance.choice(doctors if doctors and self._chance.random() < 0.9 else list(self._professionals))

    def _earlier(self, *what: str) -> Told:
        """Something of this kind that was proposed before, as a rule."""
        earlier = [told for told in self._proposed if told.what in what]
        return self._chance.choice(earlier) if earlier else Told(self._begin, what[0], self._grantee())

    def _switched(self, at: datetime) -> Change:
        return Change(self._manager(), Told(at, "switched", on=self._switches()))

    def _glass(self, at: datetime) -> Change:
        by = self._acting()
        what = self._chance.choices(("glass broken", "glass mended"), (4, 1))[0]
        if what == "glass mended" and (broken := self._earlier("glass broken")).place:
            return Change(replace(by, who=broken.about), Told(at, what, broken.about, place=broken.place))
        until = at + self._chance.choice((HOUR, 4 * HOUR)) if what == "glass broken" else None
        return Change(by, Told(at, what, by.who, until=until, place=by.place))
