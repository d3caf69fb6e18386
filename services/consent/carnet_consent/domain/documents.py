"""Many documents, sorted by what a filter looks at in them, so that asking for a thousand costs as much as asking for the kinds among them.

A filter (`filter.py`) looks at four things. Class, type and labels are those of many documents: a *kind*, asked for once. Who deposited a
document matters only to that professional or structure, and the name only where it is hidden: these few are asked for one by one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from carnet_consent.domain.filter import DocumentFacts, DocumentFilter


@dataclass(frozen=True, slots=True)
class Opened:
    """What a filter opens; equal values open the same documents."""

    by_kind: frozenset[int] = frozenset()
    """Groups that are open by their kind."""
    own: frozenset[int] = frozenset()
    """Groups that are open although their kind is not."""
    hidden: tuple[str, ...] = ()
    """Names that are closed whatever their group."""

    @property
    def groups(self) -> frozenset[int]:
        """All groups that are open."""
        return self.by_kind | self.own if self.own else self.by_kind


NOTHING = Opened()


@dataclass(frozen=True)
class Documents:
    """Documents in groups that differ by name alone."""

    groups: tuple[tuple[DocumentFacts, tuple[str, ...]], ...]
    _kinds: dict[tuple[str, str, tuple[str, ...]], list[int]] = field(init=False, repr=False, default_factory=lambda: defaultdict(list))
    _alike: list[tuple[DocumentFacts, list[int]]] = field(init=False, repr=False, default_factory=list)
    """A document of each kind, with the groups of that kind."""
    _of_depositor: dict[tuple[str, str], list[int]] = field(init=False, repr=False, default_factory=lambda: defaultdict(list))
    _open_by_kind: dict[DocumentFilter, frozenset[int]] = field(init=False, repr=False, default_factory=dict)
    """What was asked already: the filters of all readers of a profession differ in nothing that a kind knows."""
    _names: dict[frozenset[int], tuple[str, ...]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the groups by kind, and by who deposited them."""
        for number, (facts, _) in enumerate(self.groups):
            self._kinds[facts.document_class, facts.document_type, facts.labels].append(number)
            self._of_depositor[facts.depositor, "" if facts.depositor else facts.structure].append(number)
        self._alike.extend((DocumentFacts("", *kind), groups) for kind, groups in self._kinds.items())

    @classmethod
    def of(cls, documents: Iterable[DocumentFacts]) -> Self:
        """Put documents together that differ by name alone."""
        groups: dict[DocumentFacts, list[str]] = defaultdict(list)
        for document in documents:
            groups[replace(document, name="")].append(document.name)
        return cls(tuple((facts, tuple(names)) for facts, names in groups.items()))

    def opened(self, terms: DocumentFilter | None) -> Opened:
        """What a filter opens; None opens nothing."""
        if terms is None:
            return NOTHING
        if terms.excluded_structures:  # by the place of care, which no kind knows
            return Opened(own=self._passing(terms, range(len(self.groups))), hidden=terms.hidden_documents)
        by_kind = self._opened_by_kind(replace(terms, hidden_documents=(), own_professional="", own_structure=""))
        own = [(terms.own_professional, ""), ("", terms.own_structure)]
        deposited = [number for depositor in own if any(depositor) for number in self._of_depositor.get(depositor, ())]
        return Opened(by_kind, self._passing(terms, (number for number in deposited if number not in by_kind)), terms.hidden_documents)

    def names(self, opened: Opened) -> frozenset[str]:
        """The names of what is open."""
        return frozenset(self.beyond(opened, NOTHING))

    def beyond(self, opened: Opened, other: Opened) -> tuple[str, ...]:
        """The names of what is open in the first and not in the second. What is open in both is not looked at."""
        groups, others = opened.groups, other.groups
        # What is open by kind is the same for many readers, what each deposited is little.
        found = self._names_of(opened.by_kind - others) + self._names_of(opened.own - others)
        closed = set(other.hidden).difference(opened.hidden)
        if closed:
            found += tuple(name for number in sorted(groups & others) for name in self.groups[number][1] if name in closed)
        return found if not opened.hidden else tuple(name for name in found if name not in opened.hidden)

    def _names_of(self, groups: frozenset[int]) -> tuple[str, ...]:
        if groups not in self._names:
            self._names[groups] = tuple(name for number in sorted(groups) for name in self.groups[number][1])
        return self._names[groups]

    def _opened_by_kind(self, anybodys: DocumentFilter) -> frozenset[int]:
        if anybodys not in self._open_by_kind:
            passing = (groups for kind, groups in self._alike if anybodys.passes(kind))
            self._open_by_kind[anybodys] = frozenset(number for groups in passing for number in groups)
        return self._open_by_kind[anybodys]

    def of_type(self, document_type: str) -> Iterator[tuple[DocumentFacts, tuple[str, ...]]]:
        """The groups of a type."""
        return ((facts, names) for facts, names in self.groups if facts.document_type == document_type)

    def places(self) -> tuple[str, ...]:
        """The structures that deposited something without a named author, sorted."""
        return tuple(sorted(structure for _, structure in self._of_depositor if structure))

    def depositors(self) -> tuple[str, ...]:
        """The professionals who deposited something, sorted."""
        return tuple(sorted(professional for professional, _ in self._of_depositor if professional))

    def _passing(self, terms: DocumentFilter, numbers: Iterable[int]) -> frozenset[int]:
        return frozenset(number for number in numbers if terms.passes(self.groups[number][0]))
