"""What is known of a person without any trait: how surely she was identified, whether she lives, where records are opened."""

from dataclasses import dataclass

from carnet_consent.domain.refusal import RuleBrokenError


@dataclass(frozen=True, slots=True)
class PersonStatus:
    """A person as identity knows her now."""

    is_qualified: bool
    is_deceased: bool = False
    revision: int = 0
    """Grows with every change of the person at identity."""
    departement: str = ""
    """Where she lives, e.g. "75", "2A", "971"; empty when that is not known."""
    has_open_comparison: bool = False
    """The professional who asks compared his traits with hers at identity, and did not say yet that it is she."""


def check_lives_and_is_qualified(person: PersonStatus) -> None:
    """Refuse a person who has died (rules.md 17), and an identity that is not qualified (REF-DMP, domain.md 1.1)."""
    if person.is_deceased:
        raise RuleBrokenError("PERSON_DECEASED", "The person has died, by what is stated at identity. Correct that if it is a mistake.")
    if not person.is_qualified:
        raise RuleBrokenError("IDENTITY_NOT_QUALIFIED", "Qualify the identity first: INSi and an identity paper.")


def check_compared(person: PersonStatus) -> None:
    """Refuse who found differences between the person before him and the one registered, until he has decided (DEVBOX EX_GEN-1230)."""
    if person.has_open_comparison:
        raise RuleBrokenError("DIFFERENCE_NOT_SETTLED", "The traits differ from those registered. Settle that comparison first.")


def check_departement(person: PersonStatus, open_departements: frozenset[str]) -> None:
    """Refuse a person who lives where records are not opened yet: departements are opened one by one; none named means all."""
    if open_departements and person.departement not in open_departements:
        raise RuleBrokenError("DEPARTEMENT_NOT_OPEN", "Records are not opened yet where the person lives, or that is not known.")
