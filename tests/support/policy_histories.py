"""Random histories of a record and questions about it, made from a seed: the same seed makes the same history.

A history knows nothing of what the rules answer: its steps are as often forbidden as allowed. Its people, places and documents bear a tag,
so that many histories can be told to one service at once.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from support.reference_book import Told
from support.reference_changes import Change
from support.reference_evaluator import CARE, OWN_REQUEST, Asks, Paper

BEGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAUSES = (
    *(timedelta(minutes=1), timedelta(minutes=1), HOUR, HOUR, HOUR, 4 * HOUR, 4 * HOUR, 13 * HOUR, 24 * HOUR),
    *(timedelta(days=30), timedelta(days=365)),
)
"""Among them the very lengths after which something ends."""
GRACE, LATE_RESULTS, TO_OPPOSE = timedelta(days=14), timedelta(days=30), timedelta(weeks=6)
"""rules.md 15, 17 and 18."""
LASTING = (HOUR, 4 * HOUR, 24 * HOUR, timedelta(days=30))
PROFESSIONS = ("10", "10", "10", "10", "10", "10", "60", "60", "60", "50", "50", "21", "40", "70", "95", "86", "36", "93", "SOC")
KINDS = (
    *("11502-2", "11502-2", "11506-3", "ATTEST-RESID", "80788-3", "75496-0", "68599-0", "83901-9", "83981-1", "EXPPAT_3", "PROT_ALD"),
    *("REMB", "28653-4", "DOCPAT06", "68817-6", "IN-NO-TABLE"),
)
CLASSES = ("10", "11", "52", "60", "90", "10", "NONE")
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
    beginning: Told
    """How it comes to be: opened, or announced."""


def history(
    seed: int, *, record: str = "records/r", times: Sequence[datetime] = (), has_hand: bool = True, grace: timedelta = GRACE
) -> History:
    """Make the history of a seed.

    Args:
        seed: the same makes the same.
        record: its name.
        times: when its steps happen; by default at times of its own.
        has_hand: whether it may be announced, and changes by the hand of an operator or by what identity tells: no users of consent.
        grace: how long after its announcement a closing takes effect.
    """
    chance = random.Random(seed)
    times = times or _times(chance)
    return _Author(chance, f"h{seed}", record, times[0], has_hand=has_hand, grace=grace).history(seed, times)


def _times(chance: random.Random) -> list[datetime]:
    times = [BEGIN]
    for _ in range(chance.randint(3, 9)):
        times.append(times[-1] + chance.choice(PAUSES))
    return times


class _Author:
    """Invents one history."""

    def __init__(self, chance: random.Random, tag: str, record: str, begin: datetime, *, has_hand: bool, grace: timedelta) -> None:
        self._chance, self._tag, self._record, self._begin, self._has_hand = chance, tag, record, begin, has_hand
        self._grace = grace
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
        people = (self._holder, self._record, self._professionals, self._papers)
        return History(seed, *people, (*steps, last), self._mandataries, self._beginning())

    def _beginning(self) -> Told:
        before = self._begin - timedelta(days=2)
        if self._has_hand and self._chance.random() < 0.1:
            return Told(before, "announced", until=self._begin + self._chance.choice((HOUR, 24 * HOUR, TO_OPPOSE)))
        return Told(before, "opened", on=frozenset({"BTG", "ETREAT"}))

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
        action = "DEPOSIT" if told.what.startswith("deposit") else "READ"
        role, has_left = self._professionals[who], (who, place) in self._left
        return replace(asks, who=who, role=role, place=place, purpose=purpose, has_left=has_left, action=action)

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
                self._life,
                self._opposed,
            ),
            (7, 5, 3, 4, 3, 2, 6, 4, 2),
        )[0]
        return make(at)

    def _by_hand(self, at: datetime) -> Change:
        who, place = self._chance.choice(tuple(self._professionals)), self._chance.choice(self._places)
        what = self._chance.choices(("left", "died", "alive", "switched"), (5, 2, 2, 1))[0] if self._has_hand else "left"
        if what == "left":
            return self.leaving(at, who, place)
        if what == "switched":
            return Change(None, Told(at, what, on=self._switches()))
        return Change(None, Told(at, what, until=at + (LATE_RESULTS if what == "died" else TO_OPPOSE)))

    def _life(self, at: datetime) -> Change:
        """The record as a whole: closed by its holder at once, by others after the grace; opposed; reopened."""
        by = self._manager() if self._chance.random() < 0.6 else self._acting()
        is_announced = any(told.what == "closing announced" for told in self._proposed)
        what = self._chance.choices(
            ("closed", "closing opposed", "reopened", "opening opposed"), (4, 4 if is_announced else 1, 4, self._has_hand)
        )[0]
        if what == "closed" and by.role != "PATIENT":
            return Change(by, Told(at, "closing announced", by.who, until=at + self._grace))
        if what == "opening opposed":
            by = self._person()
        return Change(by, Told(at, what))

    def _opposed(self, at: datetime) -> Change:
        """What is not to be deposited."""
        if self._chance.random() < 0.5 and any(told.what == "deposit opposed" for told in self._proposed):
            earlier = self._earlier("deposit opposed")
            return Change(self._person(), Told(at, "deposit allowed", earlier.about, kind=earlier.kind))
        about = self._chance.choices((*self._professionals, *self._places, ""), (4, 2, 1, 2, 1, 2))[0]
        return Change(self._manager(), Told(at, "deposit opposed", about, until=self._end(at), kind=self._chance.choice(("", *CLASSES))))

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
