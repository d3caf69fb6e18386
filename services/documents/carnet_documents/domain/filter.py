"""The filter of a permit: which documents pass. The reference in pure Python; storage asks the same as a query.

A document passes when it is not hidden by name, was deposited for no excluded structure, and either is the user's own deposit, or carries
no excluded label and its class or type is allowed (carnet.consent.v1.DocumentFilter); MASQUE_PS does not count for an unmasked type. A
label this service does not know hides everything but own deposits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from carnet_documents.domain.visibility import Visibility


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """The terms of a permit. Documents and people are resource names; labels are TRE_A07 codes."""

    all_types: bool = False
    classes: frozenset[str] = frozenset()
    allowed_types: frozenset[str] = frozenset()
    denied_types: frozenset[str] = frozenset()
    excluded_visibilities: frozenset[str] = frozenset()
    hidden_documents: frozenset[str] = frozenset()
    own_professional: str = ""
    own_structure: str = ""
    excluded_structures: frozenset[str] = frozenset()
    unmasked_types: frozenset[str] = frozenset()
    """Types that pass although they are masked from professionals."""

    def owners(self) -> tuple[str, ...]:
        """Whose deposits pass whatever their labels."""
        return tuple(owner for owner in (self.own_professional, self.own_structure) if owner)

    def known_exclusions(self) -> frozenset[Visibility] | None:
        """The excluded labels; ``None`` when one of them is not known here, so that nothing may pass by its labels."""
        try:
            return frozenset(Visibility(label) for label in self.excluded_visibilities)
        except ValueError:
            return None

    def is_type_allowed(self, class_code: str, type_code: str) -> bool:
        """Whether class and type pass; for a deposit this is the whole question."""
        if self.all_types or type_code in self.allowed_types:
            return True
        return class_code in self.classes and type_code not in self.denied_types

    def passes(
        self, *, name: str, depositor: str, class_code: str, type_code: str, labels: Iterable[Visibility], structure: str = ""
    ) -> bool:
        """Whether a document passes; ``structure`` is the one it was deposited for."""
        if name in self.hidden_documents or structure in self.excluded_structures:
            return False
        if depositor in self.owners():
            return True
        excluded = self.known_exclusions()
        lifted = {Visibility.MASKED_FROM_PROFESSIONALS} if type_code in self.unmasked_types else set()
        if excluded is None or (excluded - lifted) & frozenset(labels):
            return False
        return self.is_type_allowed(class_code, type_code)
