"""What happened to a record, told as a list, and what holds at an instant from all that was told before (docs/rules.md).

Half of the reference evaluator (`reference_evaluator.py`), under the same terms: it shares nothing with the service of consent. The rules
are 2 to 4, 9, 15, 17 and 18.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# What opens a record to somebody, and how long it lasts unless it is said (rules.md 3).
OPENING = {"authorised once": timedelta(hours=24), "authorised": timedelta(days=365), "care": timedelta(days=365)}
ACCEPTED = frozenset({"BTG", "ETREAT"})  # what is accepted in an emergency unless it is said (rules.md 9)


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened to a record.

    What: opened, announced (`until` it opens), opening opposed; closed, closing announced (`until` it closes, by `about`), closing opposed,
    died (`until` it closes), alive (`until` an announced one opens), reopened; switched (`on`: of BTG, ETREAT, MASKED, DIRECTIVES);
    authorised once, authorised, care, blocked, taken back (`undoes` says what); deposit opposed and allowed (by `about`, of a `kind`);
    hidden, shown; declared, attending, dismissed; glass broken, glass mended (for the structure `place`).
    """

    at: datetime
    what: str
    about: str = ""
    undoes: str = ""
    until: datetime | None = None
    place: str = ""
    document: str = ""
    kind: str = ""
    on: frozenset[str] = frozenset()


class Standing:
    """What holds at an instant."""

    def __init__(self, book: Iterable[Told], now: datetime) -> None:
        self.life, self.on, self.attending = "", frozenset[str](), ""
        self.declared, self.hidden = set[str](), set[tuple[str, str]]()
        self.closing: Told | None = None  # announced; of a death, also when it took effect
        self._opens = now
        self._lasting = dict[tuple[str, str, str], Told]()
        for told in book:
            self._pass_time(told.at)
            self._add_statement(told)
            self._add_life(told)
            self._add(told)
        self._pass_time(now)
        self.holds = {key for key, one in self._lasting.items() if one.until is None or now < one.until}

    def _pass_time(self, now: datetime) -> None:
        """What was announced takes effect by itself (rules.md 15, 17 and 18); nothing opens for somebody who has died."""
        if self.life == "ACTIVE" and self.closing is not None and self.closing.until is not None and self.closing.until <= now:
            self._close(self.closing)
        if self.life == "ANNOUNCED" and self.closing is None and self._opens <= now:
            self.life = "ACTIVE"

    def _close(self, by: Told) -> None:
        self.life, self.closing = "CLOSED", by if by.what == "died" else None
        self._mend_all()

    def _mend_all(self) -> None:
        self._lasting = {key: one for key, one in self._lasting.items() if one.what != "glass broken"}

    def _add_statement(self, told: Told) -> None:
        key = (told.what, told.about, told.place or told.kind)
        match told.what:
            case "blocked":  # domain.md 3.2: once it is taken back, the blocked one falls back to nothing and asks again
                self._lasting = {key: one for key, one in self._lasting.items() if one.about != told.about or one.what not in OPENING}
                self._lasting[key] = told
            case "authorised once" | "authorised" | "care":  # the last word of each kind about somebody
                self._lasting[key] = replace(told, until=told.until or told.at + OPENING[told.what])
            case "glass broken":  # a second use joins the first, whose end does not move
                earlier = self._lasting.get(key, told)
                self._lasting[key] = earlier if earlier.until and told.at < earlier.until else told
            case "deposit opposed":  # each lasts as long as it was said to, so the longest counts
                earlier = self._lasting.get(key, told)
                is_longer = earlier.until is None or (told.until is not None and told.until < earlier.until)
                self._lasting[key] = earlier if is_longer else told
            case "deposit allowed":
                self._lasting.pop(("deposit opposed", told.about, told.kind), None)
            case "taken back" | "glass mended":
                self._lasting.pop((told.undoes or "glass broken", told.about, told.place), None)

    def _add_life(self, told: Told) -> None:
        match told.what:
            case "opened" | "reopened":
                self.life, self.closing = "ACTIVE", None
            case "announced":
                self.life, self.on, self._opens = "ANNOUNCED", ACCEPTED, told.until or told.at
            case "opening opposed":
                self.life, self.closing = "OPPOSED", None
            case "closed":
                self._close(told)
            case "closing announced" | "closing opposed":
                self.closing = told if told.what == "closing announced" else None
            case "died" if self.life in ("ACTIVE", "ANNOUNCED"):  # it takes the place of a closing announced before
                self.closing = told
            case "alive" if self.closing is not None and self.closing.what == "died":
                self.life, self.closing = "ACTIVE" if self.life == "CLOSED" else self.life, None
                self._opens = told.until or told.at

    def _add(self, told: Told) -> None:
        match told.what:
            case "opened" | "switched":
                self.on = told.on
                if "BTG" not in told.on:  # rules.md 9: opposition stops it
                    self._mend_all()
            case "hidden":
                self.hidden.add((told.document, told.about))
            case "shown":
                self.hidden.discard((told.document, told.about))
            case "declared" if self.attending != told.about:  # rules.md 4: by himself, until the holder confirms
                self.declared.add(told.about)
            case "attending" | "dismissed":  # rules.md 4: by the holder's word; the former one loses it that second
                self.declared.discard(told.about)
                if told.what == "attending" or self.attending == told.about:
                    self.attending = told.about if told.what == "attending" else ""

    def says(self, what: Iterable[str], *about: str) -> bool:
        """Whether one of these things holds about one of these names. Nobody is nobody's name."""
        return any((one, name, "") in self.holds for one in what for name in about if name)

    def opposes_deposits(self, kind: str, *about: str) -> bool:
        """Whether deposits of a class (empty: all) by one of these are opposed; of a class also by everybody."""
        names = (*about, "") if kind else about
        return any(("deposit opposed", name, kind) in self.holds for name in names if name or kind)
