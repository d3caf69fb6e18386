"""The habilitation in words: its tables as pages that a clinician reads, and what changes from one edition to the next.

What is told of a change is what it does, not which lines differ: who may read or deposit which class or type that he could not before, or
no longer. Professions, classes and types are told by name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from carnet_consent.domain.matrix import DocumentRights, Habilitation
from carnet_consent.domain.matrix_files import EXCEPTIONS, READING

MARKS = {"V": "●", "V-partial": "◐", "A": "○"}
"""How sure a cell is: read in a source, in part, assumed."""
EVERYBODY = "*"
PURPOSES = {"BREAK_GLASS": "break the glass", "EMERGENCY_DISPATCH": "read as a dispatch doctor"}


@dataclass(frozen=True)
class Names:
    """What codes are called, from data/names.csv, and where cells come from, from data/sources.csv."""

    names: Mapping[tuple[str, str], str]
    sources: Mapping[tuple[str, str], str]

    def of(self, kind: str, code: str) -> str:
        """The name of a `role`, `class` or `type`, with its code."""
        name = self.names.get((kind, code))
        return f"{name} ({code})" if name else code

    def source(self, role: str, status: str) -> str:
        """Where a cell of this status about this role comes from."""
        for key in ((role, status), (role, EVERYBODY), (EVERYBODY, status)):
            if key in self.sources:
                return self.sources[key]
        return "not stated"


def names(names_text: str, sources_text: str) -> Names:
    """Read the two files."""
    return Names(
        {(kind, code): name for kind, code, name in _rows(names_text)},
        {(role, status): source for role, status, source in _rows(sources_text)},
    )


def class_table(files: Mapping[str, str], known: Names) -> list[tuple[str, ...]]:
    """One row a role, one cell a class; the first row is the head. What is in no line may not be read."""
    cells = {(role, one): (right, status) for role, one, right, status in _rows(files[READING])}
    roles, classes = list(dict.fromkeys(role for role, _ in cells)), sorted({one for _, one in cells})
    head = ("Who may read", *(known.of("class", one) for one in classes))
    return [head, *((known.of("role", role), *(_cell(cells.get((role, one))) for one in classes)) for role in roles)]


def exception_table(files: Mapping[str, str], known: Names) -> list[tuple[str, ...]]:
    """One row a line about a single type; the first row is the head."""
    head = ("Type", "Who", "May read", "Source")
    return [
        head,
        *(
            (known.of("type", kind), _ranges(who, known), f"{'yes' if rule == 'A' else 'no'} {MARKS[status]}", known.source(who, status))
            for who, kind, rule, status in _rows(files[EXCEPTIONS])
        ),
    ]


def source_table(files: Mapping[str, str], known: Names) -> list[tuple[str, ...]]:
    """Where the cells of each role come from; roles of one source share a row."""
    roles: dict[tuple[str, str], list[str]] = {}
    for role, status in dict.fromkeys((role, status) for role, _, _, status in _rows(files[READING])):
        roles.setdefault((MARKS[status], known.source(role, status)), []).append(known.of("role", role))
    return [("Cells of", "Status", "Source"), *((", ".join(who), mark, source) for (mark, source), who in roles.items())]


def differences(before: Habilitation, after: Habilitation, known: Names) -> list[str]:
    """Tell in sentences who gains and who loses which class or type; empty when the two do the same."""
    told = [*_types_apart(before, after, known)]
    told += _rights_apart(before, after, known, "read", lambda edition: edition.reading)
    told += _rights_apart(before, after, known, "deposit", lambda edition: edition.depositing)
    for purpose, words in PURPOSES.items():
        had, has = (edition.emergency_professions.get(purpose, frozenset()) for edition in (before, after))
        told += [f"{known.of('role', role)} may now {words}." for role in sorted(has - had)]
        told += [f"{known.of('role', role)} may no longer {words}." for role in sorted(had - has)]
    told += [f"The switch DIRECTIVES now opens {known.of('type', one)}." for one in sorted({*after.directives} - {*before.directives})]
    told += [
        f"The switch DIRECTIVES no longer opens {known.of('type', one)}." for one in sorted({*before.directives} - {*after.directives})
    ]
    told += [f"{one} is now a motive of an emergency." for one in sorted(after.emergency_motives - before.emergency_motives)]
    told += [f"{one} is no longer a motive of an emergency." for one in sorted(before.emergency_motives - after.emergency_motives)]
    return told


def _types_apart(before: Habilitation, after: Habilitation, known: Names) -> Iterator[str]:
    for kind in sorted(before.classes.keys() | after.classes.keys()):
        was, now = before.classes.get(kind), after.classes.get(kind)
        if was is None and now is not None:
            yield f"{known.of('type', kind)} is a new type, of the class {known.of('class', now)}."
        elif now is None:
            yield f"{known.of('type', kind)} is a type no more."
        elif was is not None and was != now:
            yield f"{known.of('type', kind)} moves from the class {known.of('class', was)} to {known.of('class', now)}."


def _rights_apart(
    before: Habilitation, after: Habilitation, known: Names, verb: str, rights: Callable[[Habilitation], Mapping[str, DocumentRights]]
) -> Iterator[str]:
    had, has = rights(before), rights(after)
    for role in sorted(had.keys() | has.keys()):
        earlier, later = (_covered(one.get(role), edition) for one, edition in ((had, before), (has, after)))
        for words, kinds, edition in (("may now", later - earlier, after), ("may no longer", earlier - later, before)):
            for what in _summed_up(kinds, edition, known):
                yield f"{known.of('role', role)} {words} {verb} {what}."


def _covered(rights: DocumentRights | None, edition: Habilitation) -> frozenset[str]:
    """The types that rights cover."""
    return frozenset(kind for kind, its in edition.classes.items() if rights is not None and rights.cover(its, kind))


def _summed_up(kinds: frozenset[str], edition: Habilitation, known: Names) -> Iterator[str]:
    """Name a class of which most types are meant as such, with those that are not, and other types one by one."""
    for document_class in sorted({edition.classes[kind] for kind in kinds}):
        whole = {kind for kind, its in edition.classes.items() if its == document_class}
        spared = ", ".join(known.of("type", kind) for kind in sorted(whole - kinds))
        if len(whole & kinds) > len(whole - kinds):
            yield f"every type of the class {known.of('class', document_class)}" + (f" but {spared}" if spared else "")
        else:
            yield from (known.of("type", kind) for kind in sorted(whole & kinds))


def _cell(found: tuple[str, str] | None) -> str:
    """Whether it may be read, and how sure that is."""
    right, status = found or ("NONE", "A")
    return f"{'yes' if right == 'R' else 'no'} {MARKS[status]}"


def _ranges(who: str, known: Names) -> str:
    """The roles that a line of the exceptions speaks of, by name."""
    star, *without = who.split("-")
    if star != EVERYBODY:
        return known.of("role", who)
    named = ", ".join(known.of("role", one) for one in without)
    return f"every profession but {named}" if without else "every profession that may read something"


def _rows(text: str) -> Sequence[tuple[str, ...]]:
    """The lines below the head."""
    return [tuple(line.split(";")) for line in text.splitlines()[1:]]
