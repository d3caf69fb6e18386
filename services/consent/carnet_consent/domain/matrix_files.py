"""Reads the tables of the habilitation from their text, and refuses every file that breaks the rules of data/README.md.

A broken line stops the start of the service: a table that is read halfway would permit or refuse what nobody wrote.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from carnet_consent.domain.matrix import HOLDER_ROLES, DocumentRights, Habilitation, TypeException, reading_rights

READING, EXCEPTIONS, DEPOSITING = "matrice-habilitation.csv", "matrice-exceptions.csv", "matrice-depot.csv"
TYPES, EMERGENCY = "type-class.csv", "professions-urgence.csv"
DIRECTIVES, MOTIVES = "types-urgence.csv", "motifs-urgence.csv"

COLUMNS = {
    READING: ("profession", "class", "permission", "status"),
    EXCEPTIONS: ("profession", "type", "rule", "status"),
    DEPOSITING: ("actor", "class", "type", "status"),
    TYPES: ("type", "class"),
    EMERGENCY: ("purpose", "profession", "status"),
    DIRECTIVES: ("switch", "type", "status"),
    MOTIVES: ("motive", "status"),
}
"""The files of an edition and the columns that each must have, in this order."""
_KEY_COLUMNS = {READING: 2, EXCEPTIONS: 3, DEPOSITING: 3, TYPES: 1, EMERGENCY: 2, DIRECTIVES: 2, MOTIVES: 1}
"""How many of the first columns tell the lines of a file apart."""

STATUSES = frozenset({"V", "V-partial", "A"})
READERS_BESIDE_PROFESSIONS = frozenset({"SOC", "AGENT", "CPE", "PATIENT", "RL"})
DEPOSITORS_BESIDE_PROFESSIONS = frozenset({"SOC", "STRUCTURE", "CPE", "INSURER", "PATIENT", "RL", "PLATFORM"})
EMERGENCY_PURPOSES = frozenset({"BREAK_GLASS", "EMERGENCY_DISPATCH"})
EMERGENCY_SWITCHES = frozenset({"DIRECTIVES"})
_PROFESSION = re.compile(r"\d{2}")
_CODE = re.compile(r"[A-Z][A-Z_]{1,39}")


class BrokenTableError(Exception):
    """A file breaks a rule; the message names the file, the line and the rule."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a file: where it stands and what it says."""

    file: str
    number: int
    values: tuple[str, ...]

    def check(self, is_right: bool, rule: str) -> None:  # noqa: FBT001 -- reads as an assertion
        """Refuse the file unless the rule holds on this line."""
        if not is_right:
            raise BrokenTableError(f"{self.file}, line {self.number}: {rule}")


def habilitation(files: Mapping[str, str], edition: str) -> Habilitation:
    """Make the habilitation of one edition.

    Args:
        files: text of each file named in `COLUMNS`, and of no other.
        edition: its date, YYYY-MM-DD.

    Raises:
        BrokenTableError: a file is missing, unknown, or breaks a rule.
    """
    if files.keys() != COLUMNS.keys():
        raise BrokenTableError(f"the edition must hold exactly {', '.join(sorted(COLUMNS))}")
    classes = _classes(files[TYPES])
    readable = _readable_classes(files[READING], frozenset(classes.values()))
    exceptions = tuple(_exceptions(files[EXCEPTIONS], frozenset(readable), classes))
    digest = hashlib.sha256("\0".join(f"{name}\0{files[name]}" for name in sorted(files)).encode()).hexdigest()
    return Habilitation(
        version=f"{edition}-{digest[:12]}",
        reading={role: reading_rights(role, its, exceptions, classes) for role, its in readable.items()},
        depositing=_depositing(files[DEPOSITING], frozenset(readable), classes),
        emergency_professions=_emergency(files[EMERGENCY], frozenset(readable)),
        classes=classes,
        directives=_directives(files[DIRECTIVES], classes),
        emergency_motives=_motives(files[MOTIVES]),
    )


def _lines(file: str, text: str) -> Iterator[_Line]:
    """Yield the lines below the header, each with as many values as columns, none empty, none with blanks around it, none twice."""
    rows = text.splitlines()
    if not rows or tuple(rows[0].split(";")) != COLUMNS[file]:
        raise BrokenTableError(f"{file}: the first line must be {';'.join(COLUMNS[file])}")
    if len(rows) == 1:
        raise BrokenTableError(f"{file}: there is no line below the first")
    seen: set[tuple[str, ...]] = set()
    for number, row in enumerate(rows[1:], start=2):
        line = _Line(file, number, tuple(row.split(";")))
        line.check(len(line.values) == len(COLUMNS[file]), "it must have as many values as columns")
        line.check(all(value and value == value.strip() for value in line.values), "no value may be empty or have blanks around it")
        if "status" in COLUMNS[file]:
            line.check(line.values[-1] in STATUSES, f"the status must be one of {', '.join(sorted(STATUSES))}")
        key = line.values[: _KEY_COLUMNS[file]]
        line.check(key not in seen, "the same thing is stated twice")
        seen.add(key)
        yield line


def _classes(text: str) -> dict[str, str]:
    """Read the class of each document type."""
    classes: dict[str, str] = {}
    for line in _lines(TYPES, text):
        document_type, document_class = line.values
        line.check(_PROFESSION.fullmatch(document_class) is not None, "a class has two digits (JDV_J57)")
        classes[document_type] = document_class
    return classes


def _readable_classes(text: str, known: frozenset[str]) -> dict[str, frozenset[str]]:
    """Read the classes that each role may read; the holder and her representative must be able to read all of them."""
    readable: dict[str, frozenset[str]] = {}
    for line in _lines(READING, text):
        role, document_class, permission, _ = line.values
        line.check(_is_profession(role) or role in READERS_BESIDE_PROFESSIONS, "the profession is in no nomenclature")
        line.check(document_class in known, "no document type has this class")
        line.check(permission in {"R", "NONE"}, "the permission must be R or NONE")
        readable[role] = readable.get(role, frozenset()) | ({document_class} if permission == "R" else frozenset())
    for role in HOLDER_ROLES:
        if readable.get(role) != known:
            raise BrokenTableError(f"{READING}: {role} must be able to read every class (CSP L1111-19)")
    return readable


def _exceptions(text: str, roles: frozenset[str], classes: Mapping[str, str]) -> Iterator[TypeException]:
    """Read the lines about single types."""
    professions = frozenset(role for role in roles if _is_profession(role) or role == "SOC")
    for line in _lines(EXCEPTIONS, text):
        who, document_type, rule, _ = line.values
        line.check(document_type in classes, "the document type is in no class")
        line.check(rule in {"A", "D"}, "the rule must be A or D")
        star, *without = who.split("-")
        is_exact = star != "*"
        line.check(all(one in professions for one in without), "a wildcard may leave out only professions of the matrix and SOC")
        line.check(len(set(without)) == len(without), "a wildcard leaves somebody out twice")
        line.check(not is_exact or (who in roles and who not in HOLDER_ROLES), "the profession is not in the matrix, or reads everything")
        named = frozenset({who}) if is_exact else professions - set(without)
        yield TypeException(named, document_type, allows=rule == "A", is_exact=is_exact)


def _depositing(text: str, roles: frozenset[str], classes: Mapping[str, str]) -> dict[str, DocumentRights]:
    """Read who may deposit what."""
    whole: dict[str, set[str]] = {}
    single: dict[str, set[str]] = {}
    for line in _lines(DEPOSITING, text):
        actor, document_class, document_type, _ = line.values
        line.check((_is_profession(actor) and actor in roles) or actor in DEPOSITORS_BESIDE_PROFESSIONS, "the actor is in no nomenclature")
        line.check(document_class in classes.values(), "no document type has this class")
        if document_type == "*":
            whole.setdefault(actor, set()).add(document_class)
        else:
            line.check(classes.get(document_type) == document_class, "the document type is not of this class")
            single.setdefault(actor, set()).add(document_type)
    return {
        actor: DocumentRights(classes=tuple(sorted(whole.get(actor, ()))), allowed_types=tuple(sorted(single.get(actor, ()))))
        for actor in whole.keys() | single.keys()
    }


def _emergency(text: str, roles: frozenset[str]) -> dict[str, frozenset[str]]:
    """Read the professions that may act in an emergency."""
    allowed: dict[str, frozenset[str]] = {}
    for line in _lines(EMERGENCY, text):
        purpose, profession, _ = line.values
        line.check(purpose in EMERGENCY_PURPOSES, "the purpose is none of an emergency")
        line.check(_is_profession(profession) and profession in roles, "the profession has no line in the matrix")
        allowed[purpose] = allowed.get(purpose, frozenset()) | {profession}
    return allowed


def _directives(text: str, classes: Mapping[str, str]) -> tuple[str, ...]:
    """Read the document types that a switch of an emergency speaks of."""
    types = set()
    for line in _lines(DIRECTIVES, text):
        switch, document_type, _ = line.values
        line.check(switch in EMERGENCY_SWITCHES, "no switch speaks of types by this name")
        line.check(document_type in classes, "the document type is in no class")
        types.add(document_type)
    return tuple(sorted(types))


def _motives(text: str) -> frozenset[str]:
    """Read the codes of why the glass may be broken; one of them stands for every other."""
    motives = set()
    for line in _lines(MOTIVES, text):
        line.check(_CODE.fullmatch(line.values[0]) is not None, "a motive is a code in capitals")
        motives.add(line.values[0])
    if "OTHER" not in motives:  # what a caller means who names no code
        raise BrokenTableError(f"{MOTIVES}: there must be the motive OTHER")
    return frozenset(motives)


def _is_profession(role: str) -> bool:
    """Whether it has the form of a TRE_G15 code."""
    return _PROFESSION.fullmatch(role) is not None
