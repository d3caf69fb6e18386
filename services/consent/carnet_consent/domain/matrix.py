"""The habilitation: which profession may read, and who may deposit, which class and type (arrete of 26 October 2023).

A value made once from the files of one edition (`matrix_files.py`). What it does not name may be read by nobody but the patient and
the depositor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

HOLDER_ROLES = frozenset({"PATIENT", "RL"})
"""The holder and her representative read every type, so that a type in no table is still theirs."""


@dataclass(frozen=True, slots=True)
class DocumentRights:
    """Classes and types somebody may read, or may deposit.

    A document is covered when its class is in `classes` and its type not in `denied_types`, or its type is in `allowed_types`;
    `all_types` stands for every class and type. Tuples are sorted, so that equal rights are equal values.
    """

    all_types: bool = False
    classes: tuple[str, ...] = ()
    allowed_types: tuple[str, ...] = ()
    denied_types: tuple[str, ...] = ()

    @property
    def cover_nothing(self) -> bool:
        """Whether no document at all is covered."""
        return not (self.all_types or self.classes or self.allowed_types)

    def without(self, classes: frozenset[str], class_of: Mapping[str, str]) -> "DocumentRights":
        """These rights but for some classes; `class_of` is the class of each type."""
        if not classes:
            return self
        return replace(
            self,
            classes=tuple(one for one in self.classes if one not in classes),
            allowed_types=tuple(one for one in self.allowed_types if class_of.get(one) not in classes),
        )

    def cover(self, document_class: str, document_type: str) -> bool:
        """Whether a document of this class and type is covered."""
        if self.all_types or document_type in self.allowed_types:
            return True
        return document_class in self.classes and document_type not in self.denied_types


NO_RIGHTS = DocumentRights()


@dataclass(frozen=True, slots=True)
class TypeException:
    """One line about a single type: it beats the class, an exact profession beats a wildcard, and within a level a denial beats all."""

    professions: frozenset[str]
    document_type: str
    allows: bool
    is_exact: bool


@dataclass(frozen=True)
class Habilitation:
    """One edition of the tables, with the rights of every role worked out beforehand."""

    version: str
    """The date of the edition and the first digits of the hash of its files."""
    reading: Mapping[str, DocumentRights] = field(repr=False)
    depositing: Mapping[str, DocumentRights] = field(repr=False)
    emergency_professions: Mapping[str, frozenset[str]] = field(repr=False)
    """The professions that may act under BREAK_GLASS and under EMERGENCY_DISPATCH (rules.md 9)."""
    classes: Mapping[str, str] = field(repr=False)
    """The class of each document type."""
    directives: tuple[str, ...] = field(default=(), repr=False)
    """The types that the switch DIRECTIVES speaks of, sorted."""
    emergency_motives: frozenset[str] = field(default=frozenset(), repr=False)
    """The codes of why the glass may be broken."""

    def may_read(self, role: str) -> DocumentRights:
        """What a role may read; a role in no table nothing."""
        return self.reading.get(role, NO_RIGHTS)

    def may_deposit(self, role: str) -> DocumentRights:
        """What a role may deposit; a role in no table nothing."""
        return self.depositing.get(role, NO_RIGHTS)

    def may_act_in_emergency(self, purpose: str, role: str) -> bool:
        """Whether a profession may act for this emergency purpose."""
        return role in self.emergency_professions.get(purpose, frozenset())


def reading_rights(
    role: str, readable_classes: frozenset[str], exceptions: tuple[TypeException, ...], classes: Mapping[str, str]
) -> DocumentRights:
    """Work out what one role may read from its classes and the exceptions that name it."""
    if role in HOLDER_ROLES:
        return DocumentRights(all_types=True, classes=tuple(sorted(readable_classes)))
    allowed, denied = set(), set()
    for document_type, document_class in classes.items():
        by_class = document_class in readable_classes
        verdict = _exception_for(role, document_type, exceptions, has_a_class=bool(readable_classes))
        if verdict is True and not by_class:
            allowed.add(document_type)
        elif verdict is False and by_class:
            denied.add(document_type)
    return DocumentRights(
        classes=tuple(sorted(readable_classes)),
        allowed_types=tuple(sorted(allowed)),
        denied_types=tuple(sorted(denied)),
    )


def _exception_for(role: str, document_type: str, exceptions: tuple[TypeException, ...], *, has_a_class: bool) -> bool | None:
    """Say what the exceptions decide about one role and type: True, False, or None when they are silent."""
    named = [e for e in exceptions if e.document_type == document_type and role in e.professions]
    for is_exact in (True, False):
        level = [e for e in named if e.is_exact == is_exact and (is_exact or has_a_class or not e.allows)]
        if level:
            return all(e.allows for e in level)
    return None
