"""Who may ask for explanations: the holder about anybody, a professional about himself (rules.md 7 and 8).

A professional is told the state of the record, as he is when he is refused. Whether a document is masked or hidden from him he is never
told: he asks about kinds of document, and the steps that look at a single document are left out of his answer.

Who acts for the holder under a mandate is refused, as she is when she asks for the authorisations: a minor's secret ones cannot be told
apart (rules.md 12). An explanation about a professional whom she guesses would tell whether her daughter consults him, and so would the
readers of any document, also of one that she may see; even the revision that an answer names counts what was stated in secret.
"""

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.holder import acts_as_holder, is_holder
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.step import Step

ABOUT_ONE_DOCUMENT = frozenset({"hidden-by-name", "hidden-place", "own-deposit", "deposit-of-the-structure", "labels"})
"""The steps that look at more of a document than its class and type."""


def check_holder_asks(asker: Asker, consent: Consent | None) -> Consent:
    """The record, for its holder alone; anybody else's is not found."""
    if asker.purpose != Purpose.PATIENT_REQUEST:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder of the record may do this.")
    if consent is None or not acts_as_holder(asker, consent):
        raise RuleBrokenError("NOT_FOUND", "There is no such record.")
    if not is_holder(asker, consent):
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder of the record may do this.")
    return consent


def check_about_himself(asker: Asker, reader: Asker, document: DocumentFacts | None) -> None:
    """Refuse a professional who asks about another, or as another than he is; and one who describes a single document."""
    if not asker.is_named_professional:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder, or a professional about himself, may ask this.")
    if (reader.subject, reader.structure) != (asker.subject, asker.structure) or reader.role not in {"", asker.role}:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "A professional asks about himself, as he is logged in.")
    if document is not None and (document.name or document.labels or document.depositor or document.structure):
        raise RuleBrokenError("INVALID_FIELD", "must state class and type alone, unless the holder asks", field="document")


def told_to_a_professional(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps without those that speak of a single document."""
    return tuple(step for step in steps if step.key not in ABOUT_ONE_DOCUMENT)
