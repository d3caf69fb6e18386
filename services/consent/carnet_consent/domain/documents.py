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

    kinds: frozenset[int] = frozenset()
    groups: frozenset[int] = frozenset()
    """Groups that are open whatever their kind."""
    hidden: tuple[str, ...] = ()
    """Names that are closed whatever their group."""


NOTHING = Opened()


@dataclass(frozen=True)
class Documents:
    """Documents in groups that differ by name alone."""

    groups: tuple[tuple[DocumentFacts, tuple[str, ...]], ...]
    _kinds: dict[tuple[str, str, tuple[str, ...]], list[int]] = field(init=False, repr=False, default_factory=lambda: defaultdict(list))
    _of_depositor: dict[tuple[str, str], list[int]] = field(init=False, repr=False, default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Sort the groups by kind, and by who deposited them."""
        for number, (facts, _) in enumerate(self.groups):
            self._kinds[facts.document_class, facts.document_type, facts.labels].append(number)
            self._of_depositor[facts.depositor, "" if facts.depositor else facts.structure].append(number)

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
            return Opened(groups=self._passing(terms, range(len(self.groups))), hidden=terms.hidden_documents)
        own = [(terms.own_professional, ""), ("", terms.own_structure)]
        deposited = [number for depositor in own if any(depositor) for number in self._of_depositor.get(depositor, ())]
        kinds = frozenset(number for number, kind in enumerate(self._kinds) if terms.passes(DocumentFacts("", *kind)))
        return Opened(kinds, self._passing(terms, deposited), terms.hidden_documents)

    def names(self, opened: Opened) -> frozenset[str]:
        """The names of what is open."""
        return frozenset(self.beyond(opened, NOTHING))

    def beyond(self, opened: Opened, other: Opened) -> tuple[str, ...]:
        """The names of what is open in the first and not in the second. What is open in both is not looked at."""
        groups, others = self._groups_of(opened), self._groups_of(other)
        found = [name for number in sorted(groups - others) for name in self.groups[number][1]]
        closed = set(other.hidden).difference(opened.hidden)
        if closed:
            found += [name for number in sorted(groups & others) for name in self.groups[number][1] if name in closed]
        return tuple(found) if not opened.hidden else tuple(name for name in found if name not in opened.hidden)

    def _groups_of(self, opened: Opened) -> frozenset[int]:
        of_kinds = (groups for place, groups in enumerate(self._kinds.values()) if place in opened.kinds)
        return opened.groups.union(*of_kinds)

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
