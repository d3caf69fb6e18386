"""What the statements of a record say about an asker, in the order of rules.md 2: the first rule that speaks decides.

    block of the person > block of the structure he acts for > named hide of the document
      > authorisation of the person > authorisation of the structure > care relation > nothing

The named hide speaks of single documents, never of the record: `filter.py` takes those documents out of whatever the rules below it permit.
A structure's block is found under the structure acted for, so it does not follow a person to another structure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import AUTHORISATIONS, Consent, Statement, StatementKind


class Rule(Protocol):
    """One rule: its name, its source in law, what it answers when it speaks."""

    @property
    def key(self) -> str:
        """Its stable name in an explanation."""

    @property
    def name(self) -> str:
        """As told with the decision."""

    @property
    def source(self) -> str:
        """The text it comes from."""

    @property
    def refusal(self) -> str:
        """The reason it refuses with; empty when it grants."""

    def speaks(self, consent: Consent, asker: Asker, now: datetime) -> Statement | None:
        """The statement it rests on, or None when it has nothing to say."""


@dataclass(frozen=True, slots=True)
class BlockOfThePerson:
    """The holder blocked this professional by name."""

    key: ClassVar[str] = "block-of-the-person"
    name: ClassVar[str] = "rules.md 2: block of the person"
    source: ClassVar[str] = "CSP L1111-19, R1111-46"
    refusal: ClassVar[str] = "BLOCKED"

    def speaks(self, consent: Consent, asker: Asker, now: datetime) -> Statement | None:
        """Speak when a block of the asker himself is in force."""
        return _lasting(consent, asker.subject, frozenset({StatementKind.BLOCK}), now)


@dataclass(frozen=True, slots=True)
class BlockOfTheStructure:
    """The holder blocked the structure this professional acts for."""

    key: ClassVar[str] = "block-of-the-structure"
    name: ClassVar[str] = "rules.md 2: block of the structure"
    source: ClassVar[str] = "CSP L1111-19, R1111-46"
    refusal: ClassVar[str] = "BLOCKED"

    def speaks(self, consent: Consent, asker: Asker, now: datetime) -> Statement | None:
        """Speak when a block of the structure acted for is in force."""
        return _lasting(consent, asker.structure, frozenset({StatementKind.BLOCK}), now)


@dataclass(frozen=True, slots=True)
class AuthorisationOfThePerson:
    """The holder consented to this professional, once or standing."""

    key: ClassVar[str] = "authorisation-of-the-person"
    name: ClassVar[str] = "rules.md 2: authorisation of the person"
    source: ClassVar[str] = "CSP L1111-17, R1111-46"
    refusal: ClassVar[str] = ""

    def speaks(self, consent: Consent, asker: Asker, now: datetime) -> Statement | None:
        """Speak when an authorisation of the asker himself is in force."""
        return _lasting(consent, asker.subject, AUTHORISATIONS, now)


@dataclass(frozen=True, slots=True)
class AuthorisationOfTheStructure:
    """The holder consented to the structure this professional acts for."""

    key: ClassVar[str] = "authorisation-of-the-structure"
    name: ClassVar[str] = "rules.md 2: authorisation of the structure"
    source: ClassVar[str] = "CSP L1111-17, R1111-46"
    refusal: ClassVar[str] = ""

    def speaks(self, consent: Consent, asker: Asker, now: datetime) -> Statement | None:
        """Speak when an authorisation of the structure acted for is in force."""
        return _lasting(consent, asker.structure, AUTHORISATIONS, now)


@dataclass(frozen=True, slots=True)
class CareRelation:
    """The asker, or the structure he acts for, takes care of the person, who was told and did not oppose."""

    key: ClassVar[str] = "care-relation"
    name: ClassVar[str] = "rules.md 3: care relation"
    source: ClassVar[str] = "CSP L1110-12, R1111-46"
    refusal: ClassVar[str] = ""

    def speaks(self, consent: Consent, asker: Asker, now: datetime) -> Statement | None:
        """Speak when a care relation of the asker or of the structure acted for is in force."""
        return care_relation(consent, asker, now)


PRECEDENCE: tuple[Rule, ...] = (
    BlockOfThePerson(),
    BlockOfTheStructure(),
    AuthorisationOfThePerson(),
    AuthorisationOfTheStructure(),
    CareRelation(),
)
"""First match wins."""

NOTHING_STATED = ("rules.md 2: nothing is stated, consent is needed", "CSP R1111-46")
"""The rule and source of a refusal when no rule speaks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What precedence found: a refusal with its reason, or the statement that authorises."""

    rule: str
    source: str
    refusal: str
    statement: Statement | None

    @property
    def authorises(self) -> bool:
        """Whether a statement grants; absence never does."""
        return not self.refusal and self.statement is not None


def first_that_speaks(consent: Consent, asker: Asker, now: datetime) -> Finding:
    """Apply `PRECEDENCE` to the statements in force at `now`."""
    for rule, statement in asked_in_turn(consent, asker, now):
        if statement is not None:
            return Finding(rule.name, rule.source, rule.refusal, statement)
    return Finding(*NOTHING_STATED, refusal="NEEDS_CONSENT", statement=None)


def asked_in_turn(consent: Consent, asker: Asker, now: datetime) -> Iterator[tuple[Rule, Statement | None]]:
    """Each rule of `PRECEDENCE` with the statement it rests on, up to the first that speaks."""
    for rule in PRECEDENCE:
        statement = rule.speaks(consent, asker, now)
        yield rule, statement
        if statement is not None:
            return


def care_relation(consent: Consent, asker: Asker, now: datetime) -> Statement | None:
    """The care relation that makes the asker one of the care team: his own, or his structure's (a locum enters by it)."""
    kinds = frozenset({StatementKind.CARE_RELATION})
    return _lasting(consent, asker.subject, kinds, now) or _lasting(consent, asker.structure, kinds, now)


def _lasting(consent: Consent, grantee: str, kinds: frozenset[StatementKind], now: datetime) -> Statement | None:
    """Of the statements of these kinds in force about the grantee, the one that lasts longest."""
    found = [s for s in consent.in_force_about(grantee, now) if s.kind in kinds]
    if not found:
        return None
    return next((s for s in found if s.end is None), None) or max(found, key=lambda s: s.end or now)
