"""The documents a permit is about, as a value: the one filter that reading, listing, counting, searching and exporting all use.

So the same question gets the same answer on every path, and what is hidden from somebody does not match, as if it were absent (rules.md 8).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.matrix import DocumentRights
from carnet_consent.domain.step import Step, StepOutcome

MASKED_FROM_PROFESSIONALS = "MASQUE_PS"
INVISIBLE_TO_THE_PATIENT = "INVISIBLE_PATIENT"
INVISIBLE_TO_REPRESENTATIVES = "INVISIBLE_REPRESENTANTS_LEGAUX"


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """A document passes when it is not in `hidden_documents`, was deposited for none of `excluded_structures`, and either.

    (a) its depositor is `own_professional` (or, deposited without a named author, of `own_structure`), or
    (b) none of its labels is in `excluded_visibilities`, and `rights` cover its class and type. For a type in `unmasked_types` the label
        MASQUE_PS does not count.
    """

    rights: DocumentRights
    excluded_visibilities: tuple[str, ...] = ()
    hidden_documents: tuple[str, ...] = ()
    own_professional: str = ""
    own_structure: str = ""
    excluded_structures: tuple[str, ...] = ()
    unmasked_types: tuple[str, ...] = ()

    def passes(self, document: "DocumentFacts") -> bool:
        """Whether a document passes, as the first of `TERMS` that speaks says. The service of documents asks its store the same."""
        for term in TERMS:
            opens = term.opens(self, document)
            if opens is not None:
                return opens
        return False

    def steps(self, document: "DocumentFacts") -> Iterator[Step]:
        """Tell the same terms in the same order, up to the one that speaks."""
        for term in TERMS:
            opens = term.opens(self, document)
            if opens is None:
                yield Step(term.key, term.silent, term.rule, term.source)
            else:
                yield Step(term.key, StepOutcome.PASSED if opens else StepOutcome.REFUSED, term.rule, term.source)
                return


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


@dataclass(frozen=True, slots=True)
class Term:
    """One thing a filter looks at in a document."""

    key: str
    rule: str
    source: str
    opens: Callable[[DocumentFilter, DocumentFacts], bool | None]
    """Whether the document passes by it; None when it has nothing to say."""
    silent: StepOutcome
    """What silence means: a term that only closes lets the document through, one that only opens does not apply."""


def _hides(terms: DocumentFilter, label: str, document_type: str) -> bool:
    is_lifted = label == MASKED_FROM_PROFESSIONALS and document_type in terms.unmasked_types
    return label in terms.excluded_visibilities and not is_lifted


TERMS: tuple[Term, ...] = (
    Term(
        "hidden-by-name",
        "rules.md 2: named hide of the document",
        "CSP L1111-19, R1111-46",
        lambda terms, document: False if document.name in terms.hidden_documents else None,
        StepOutcome.PASSED,
    ),
    Term(
        "hidden-place",
        "rules.md 12: a place of care hidden from who acts for the person",
        "CSP L1111-14",
        lambda terms, document: False if document.structure in terms.excluded_structures else None,
        StepOutcome.PASSED,
    ),
    Term(
        "own-deposit",
        "rules.md 5: the person who deposited",
        "CSP R1111-49",
        lambda terms, document: True if document.depositor and document.depositor == terms.own_professional else None,
        StepOutcome.DID_NOT_APPLY,
    ),
    Term(
        "deposit-of-the-structure",
        "rules.md 5: the structure that deposited without a named author, in a care relation",
        "CSP R1111-49",
        lambda terms, document: (
            True if not document.depositor and document.structure and document.structure == terms.own_structure else None
        ),
        StepOutcome.DID_NOT_APPLY,
    ),
    Term(
        "labels",
        "rules.md 4, 9, 12, 14: a label of the document hides it from this reader",
        "CSP L1111-19, R1111-49, R1111-53",
        lambda terms, document: False if any(_hides(terms, label, document.document_type) for label in document.labels) else None,
        StepOutcome.PASSED,
    ),
    Term(
        "habilitation-of-the-document",
        "domain.md 4: the habilitation of the profession for this class and type",
        "arrete of 26 October 2023, art. 1",
        lambda terms, document: terms.rights.cover(document.document_class, document.document_type),
        StepOutcome.DID_NOT_APPLY,
    ),
)
"""In this order; the first that speaks decides. The last always speaks."""


def hidden_by_name(consent: Consent, asker: Asker) -> tuple[str, ...]:
    """List the documents hidden from the asker or from the structure he acts for; nothing below in precedence opens them (rules.md 2)."""
    return tuple(sorted({hide.document for hide in consent.hides if hide.grantee in asker.grantees}))
