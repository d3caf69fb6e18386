"""Who may change what in a record, a second time: from docs/rules.md and the contracts, apart from the product.

The rules are 2 to 4, 9, 12, 13, 15 and 17.

It stands beside `reference_evaluator.py`: what it lets pass is told there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from support.reference_book import OPENING, Standing, Told
from support.reference_evaluator import CARE, OWN_REQUEST, Asks

DOCTOR = "10"
BREAKING_GLASS = frozenset({"10", "50", "60"})
"""rules.md 9."""
FIRST, SECOND = frozenset({"BTG", "ETREAT"}), frozenset({"MASKED", "DIRECTIVES"})
"""The switches, and those that need one of the first (domain.md 3.3)."""
CLASSES = frozenset({"", "10", "11", "31", "42", "43", "44", "45", "52", "60", "90", "95"})
"""JDV_J57 (domain.md 4), and every class."""
LIFE = frozenset({"opening opposed", "closed", "closing announced", "closing opposed", "reopened"})
"""What is told of a record as a whole."""


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody wants something to be told of a record. Nobody: the hand of an operator, or a process of its own."""

    by: Asks | None
    told: Told


def is_allowed(change: Change, holder: str, book: Sequence[Told], roles: Mapping[str, str]) -> bool:
    """Whether the rules let it pass. `roles` has the profession of every professional."""
    by, told = change.by, change.told
    if by is None or by.has_left:
        return by is None
    standing = Standing(book, told.at)
    if told.what == "glass mended":  # his own, whatever else happened
        return by.who == told.about and ("glass broken", told.about, told.place) in standing.holds
    conflicts = standing.on & SECOND and not standing.on & FIRST  # rules.md 6: what cannot be read is not changed
    is_over = by.mandate_ends is not None and by.mandate_ends <= told.at
    if told.what in LIFE:
        return not (conflicts or is_over) and _may_change_life(by, told, holder, standing)
    if conflicts or is_over or standing.life != "ACTIVE":
        return False
    if by.who.startswith("professionals/"):
        return _professional_may(by, told, standing)
    return _manages(by, holder) and by.purpose == OWN_REQUEST and _manager_may(by, told, standing, roles)


def _manages(by: Asks, holder: str, *mandates: str) -> bool:
    """The holder, and who acts for her under one of these mandates: a minor's representative as a rule (domain.md 1.3)."""
    return by.on_behalf_of == holder and by.mandate in (mandates or ("MINOR",)) if by.acts_for_another else by.who == holder


def _may_change_life(by: Asks, told: Told, holder: str, standing: Standing) -> bool:
    """Closing, opposing that, reopening (rules.md 15; CSP L1111-14, R1111-40), and opposing an announced opening (R1111-28)."""
    is_professional = by.who.startswith("professionals/")
    manages, represents = _manages(by, holder), _manages(by, holder, "MINOR", "ADULT")
    treats = is_professional and by.purpose == CARE and bool(by.place) and not standing.says(["blocked"], by.who, by.place)
    match told.what:
        case "opening opposed":
            return standing.life == "ANNOUNCED" and represents
        case "closed":
            return standing.life == "ACTIVE" and by.who == holder
        case "closing announced":
            may = standing.says(OPENING, by.who, by.place) if treats else by.acts_for_another and represents
            return may and standing.life == "ACTIVE" and standing.closing is None
        case "closing opposed":
            if standing.life != "ACTIVE" or standing.closing is None or standing.closing.what == "died":
                return False
            announced_it = standing.closing.about == by.who and (is_professional or represents)
            return manages or announced_it
        case _:  # reopened; not for somebody who has died (rules.md 17)
            return standing.life == "CLOSED" and standing.closing is None and (treats or manages)


def _manager_may(  # noqa: PLR0911 - one answer a case
    by: Asks, told: Told, standing: Standing, roles: Mapping[str, str]
) -> bool:
    """What the holder may tell, and a minor's representative (rules.md 12)."""
    match told.what:
        case "authorised" | "authorised once" | "care":
            contradicts = standing.says(["blocked"], told.about)  # rules.md 6: the block is taken back first
            return _has_a_fitting_end(told) and not contradicts
        case "blocked":
            return told.until is None or told.until > told.at
        case "taken back":
            return (told.undoes, told.about, "") in standing.holds
        case "hidden" | "shown":  # rules.md 13: from whom acts for her, she alone hides
            is_there = told.what == "hidden" or (told.document, told.about) in standing.hidden
            return is_there and not (told.about.startswith("patients/") and by.acts_for_another)
        case "attending":  # rules.md 4; what was declared may be confirmed
            is_known = not told.undoes or told.about in {*standing.declared, standing.attending}
            return is_known and roles.get(told.about) == DOCTOR
        case "dismissed":
            return told.about in {*standing.declared, standing.attending}
        case "switched":  # domain.md 3.3
            return not told.on & SECOND or bool(told.on & FIRST)
        case "deposit opposed":  # CSP R1111-47: not everything at once
            return bool(told.about or told.kind) and told.kind in CLASSES and (told.until is None or told.until > told.at)
        case "deposit allowed":
            return ("deposit opposed", told.about, told.kind) in standing.holds
    return False


def _professional_may(by: Asks, told: Told, standing: Standing) -> bool:
    """What a professional may tell, and thereby says that the person consented (rules.md 3)."""
    is_treating = by.purpose == CARE and bool(by.place)
    is_blocked = standing.says(["blocked"], by.who, by.place)
    match told.what:
        case "authorised" | "authorised once" | "care":
            return is_treating and not is_blocked and told.about == by.who and _has_a_fitting_end(told)
        case "declared":
            is_authorised = standing.says(OPENING, by.who, by.place) and not is_blocked
            return is_treating and is_authorised and told.about == by.who and by.role == DOCTOR
        case "taken back":  # his own; a block is the patient's to end
            return told.undoes != "blocked" and told.about == by.who and (told.undoes, told.about, "") in standing.holds
        case "dismissed":
            return told.about == by.who and told.about in {*standing.declared, standing.attending}
        case "glass broken":  # rules.md 9: a block does not stop it
            is_caring = by.purpose in (CARE, "BREAK_GLASS") and bool(by.place)
            return is_caring and by.role in BREAKING_GLASS and "BTG" in standing.on
    return False


def _has_a_fitting_end(told: Told) -> bool:
    """To come; and stated for a structure (the contract)."""
    if told.until is None:
        return not told.about.startswith("structures/")
    return told.until > told.at
