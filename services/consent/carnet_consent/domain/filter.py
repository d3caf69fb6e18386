"""The documents a permit is about, as a value: the one filter that reading, listing, counting, searching and exporting all use.

So the same question gets the same answer on every path, and what is hidden from somebody does not match, as if it were absent (rules.md 8).
"""

from dataclasses import dataclass

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.matrix import DocumentRights

MASKED_FROM_PROFESSIONALS = "MASQUE_PS"
INVISIBLE_TO_THE_PATIENT = "INVISIBLE_PATIENT"
INVISIBLE_TO_REPRESENTATIVES = "INVISIBLE_REPRESENTANTS_LEGAUX"


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """A document passes when it is not in `hidden_documents`, was deposited for none of `excluded_structures`, and either.

    (a) its depositor is `own_professional` (or, deposited without a named author, of `own_structure`), or
    (b) none of its labels is in `excluded_visibilities`, and `rights` cover its class and type.
    """

    rights: DocumentRights
    excluded_visibilities: tuple[str, ...] = ()
    hidden_documents: tuple[str, ...] = ()
    own_professional: str = ""
    own_structure: str = ""
    excluded_structures: tuple[str, ...] = ()

    def passes(self, document: "DocumentFacts") -> bool:
        """Whether a document passes. The service of documents asks its store the same question."""
        if document.name in self.hidden_documents or document.structure in self.excluded_structures:
            return False
        if document.depositor and document.depositor == self.own_professional:
            return True
        if not document.depositor and document.structure and document.structure == self.own_structure:
            return True
        if any(label in self.excluded_visibilities for label in document.labels):
            return False
        return self.rights.cover(document.document_class, document.document_type)


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What a filter looks at in a document."""

    name: str
    document_class: str
    document_type: str
    labels: tuple[str, ...] = ()
    depositor: str = ""
    """`professionals/{p}`; empty when deposited without a named author."""
    structure: str = ""


def hidden_by_name(consent: Consent, asker: Asker) -> tuple[str, ...]:
    """List the documents hidden from the asker or from the structure he acts for; nothing below in precedence opens them (rules.md 2)."""
    return tuple(sorted({hide.document for hide in consent.hides if hide.grantee in asker.grantees}))
