"""Reading for care, with the person's consent: what the statements permit, within the habilitation of the profession.

Two things reach further than the habilitation, and neither further than a block or a document hidden by name: what the reader
deposited himself (R1111-49), and, for the confirmed attending physician, what is masked from the other professionals (rules.md 4).
"""

from datetime import datetime

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.filter import MASKED_FROM_PROFESSIONALS, DocumentFilter, hidden_by_name
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision, Permit, denied
from carnet_consent.domain.precedence import care_relation, first_that_speaks


def decide_treatment(asker: Asker, consent: Consent, habilitation: Habilitation, now: datetime) -> Decision:
    """Permit what the first rule that speaks allows, as a filter; refuse as it refuses."""
    finding = first_that_speaks(consent, asker, now)
    if not finding.authorises or finding.statement is None:
        return denied(finding.refusal, finding.rule, finding.source)
    if habilitation.may_read(asker.role).cover_nothing:
        return no_habilitation()
    sees_masked = consent.has_confirmed(asker.subject)
    documents = professional_filter(asker, consent, habilitation, now, sees_masked=sees_masked)
    ends = earliest(finding.statement.end, own_structure_end(asker, consent, now))
    return Decision(Permit(documents, ends=ends), finding.rule, finding.source)


def professional_filter(asker: Asker, consent: Consent, habilitation: Habilitation, now: datetime, *, sees_masked: bool) -> DocumentFilter:
    """Make the filter of a professional who may read: his habilitation, his own documents, without those hidden from him by name.

    His structure's own documents, deposited without a named author, are his when a care relation binds him to the person (rules.md 5).
    """
    return DocumentFilter(
        rights=habilitation.may_read(asker.role),
        excluded_visibilities=() if sees_masked else (MASKED_FROM_PROFESSIONALS,),
        hidden_documents=hidden_by_name(consent, asker),
        own_professional=asker.subject,
        own_structure=asker.structure if care_relation(consent, asker, now) is not None else "",
    )


def own_structure_end(asker: Asker, consent: Consent, now: datetime) -> datetime | None:
    """When the care relation ends that opens the structure's own documents; None when there is none, or it does not end by itself."""
    relation = care_relation(consent, asker, now)
    return relation.end if relation is not None else None


def no_habilitation() -> Decision:
    """Refuse a profession for which the matrix opens no document at all."""
    return denied("ROLE_NOT_ALLOWED", "the habilitation matrix opens no document to this profession", "arrete of 26 October 2023, art. 1")


def earliest(*ends: datetime | None) -> datetime | None:
    """The first of the instants at which a fact ends."""
    return min((end for end in ends if end is not None), default=None)
