"""Reading for care, with the person's consent: what the statements permit, within the habilitation of the profession.

Two things reach further than the habilitation, and neither further than a block or a document hidden by name: what the reader
deposited himself (R1111-49), and, for the confirmed attending physician, what is masked from the other professionals (rules.md 4).
"""

from collections.abc import Iterator
from datetime import datetime

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.case import Case, Way
from carnet_consent.domain.checks import Check
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.destroyed import RECORD_KEPT
from carnet_consent.domain.filter import MASKED_FROM_PROFESSIONALS, DocumentFilter, hidden_by_name
from carnet_consent.domain.holder import RECORD_ACTIVE
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision, Permit, denied
from carnet_consent.domain.precedence import NOTHING_STATED, asked_in_turn, care_relation
from carnet_consent.domain.step import Step, StepOutcome


class ConsentOfThePerson:
    """The statements about the asker, in the order of precedence: one must authorise."""

    @staticmethod
    def refusal(of: Case) -> Decision | None:
        """Refuse as the first rule that speaks refuses, and when none speaks."""
        finding = of.finding
        return None if finding.authorises else denied(finding.refusal, finding.rule, finding.source)

    @staticmethod
    def steps(of: Case) -> Iterator[Step]:
        """Tell each rule of precedence up to the first that speaks."""
        for rule, statement in asked_in_turn(of.consent, of.asker, of.now):
            silent = StepOutcome.PASSED if rule.refusal else StepOutcome.DID_NOT_APPLY
            spoken = StepOutcome.REFUSED if rule.refusal else StepOutcome.PASSED
            yield Step(rule.key, silent if statement is None else spoken, rule.name, rule.source)
        if not of.finding.authorises and of.finding.statement is None:
            yield Step("consent-stated", StepOutcome.REFUSED, *NOTHING_STATED)


def permit_treatment(case: Case) -> Decision:
    """Permit what the profession may read, as a filter, until the first of the facts ends."""
    asker, consent, now = case.asker, case.consent, case.now
    sees_masked = consent.has_confirmed(asker.subject)
    documents = professional_filter(asker, consent, case.habilitation, now, sees_masked=sees_masked)
    ends = earliest(case.finding.statement.end if case.finding.statement else None, own_structure_end(asker, consent, now))
    return Decision(Permit(documents, ends=ends), case.finding.rule, case.finding.source)


PROFESSION_MAY_READ: Check[Case] = Check(
    "habilitation",
    "ROLE_NOT_ALLOWED",
    "the habilitation matrix opens no document to this profession",
    "arrete of 26 October 2023, art. 1",
    lambda case: case.habilitation.may_read(case.asker.role).cover_nothing,
)
TREATMENT = Way((RECORD_KEPT, RECORD_ACTIVE, ConsentOfThePerson(), PROFESSION_MAY_READ), permit_treatment)
"""Reading for care: what the first rule that speaks allows."""


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


def earliest(*ends: datetime | None) -> datetime | None:
    """The first of the instants at which a fact ends."""
    return min((end for end in ends if end is not None), default=None)
