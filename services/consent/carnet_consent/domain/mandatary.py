"""Acting for another person under a mandate in force: her representative, or a caregiver (CSP L1111-14, R1111-40; rules.md 12 and 13).

A representative reads what the person herself reads, but not what is hidden from representatives, which concerns minors, nor what was
deposited in a place of care that is hidden from her. A minor's record is managed by her representatives (domain.md 1.3): they state,
block and mask as she does. A caregiver reads the classes of her scope and nothing else; what the person hides from her by name stays
hidden. A closed record is for its holder alone (rules.md 15).

The history is not told under a mandate: places of care hidden from her and a minor's secret connections stand in it, and its lines
cannot be left out one by one. What no rule permits is refused.
"""

from carnet_consent.domain.asker import Action
from carnet_consent.domain.case import Case, Way
from carnet_consent.domain.checks import Check
from carnet_consent.domain.destroyed import RECORD_KEPT
from carnet_consent.domain.filter import INVISIBLE_TO_REPRESENTATIVES, INVISIBLE_TO_THE_PATIENT, DocumentFilter, hidden_by_name
from carnet_consent.domain.holder import ABSENT, RECORD_ACTIVE
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.matrix import NO_RIGHTS, DocumentRights
from carnet_consent.domain.outcome import Decision, Permit, obligations_of_deposit

LAW = "CSP L1111-14, R1111-40"
MATRIX_ROLE = "RL"
"""The role of a representative in the tables."""


def permit_mandatary(case: Case) -> Decision:
    """Permit what the mandate covers, as long as it lasts."""
    mandate, rights = case.asker.mandate, _rights(case)
    if mandate is None or rights is None:
        return MANDATE_COVERS.denial()
    if case.question.action == Action.DEPOSIT:
        permit = Permit(DocumentFilter(rights), obligations_of_deposit(case.consent), ends=mandate.end)
        return Decision(permit, "rules.md 19: deposit by a representative", "data/matrice-depot.csv")
    documents = DocumentFilter(
        rights,
        excluded_visibilities=_excluded(mandate),
        hidden_documents=hidden_by_name(case.consent, case.asker),
        excluded_structures=mandate.hidden_structures,
    )
    rule = "rules.md 13: a caregiver's scope" if mandate.kind == MandateKind.CAREGIVING else "rules.md 12: a representative's mandate"
    return Decision(Permit(documents, ends=mandate.end), rule, f"{LAW}, R1111-53")


def _rights(case: Case) -> DocumentRights | None:
    """The documents that an action under this mandate may be about; None when it covers no such action."""
    mandate, action, habilitation = case.asker.mandate, case.question.action, case.habilitation
    if mandate is None:
        return None
    if action == Action.READ:
        if mandate.kind == MandateKind.CAREGIVING:
            return DocumentRights(classes=tuple(sorted(mandate.classes)))
        return habilitation.may_read(MATRIX_ROLE)
    if action == Action.DEPOSIT and mandate.kind != MandateKind.CAREGIVING:
        return habilitation.may_deposit(MATRIX_ROLE)
    if action == Action.MANAGE and mandate.kind == MandateKind.MINOR_REPRESENTATION:
        return habilitation.may_read(MATRIX_ROLE)
    return None


def _excluded(mandate: Mandate) -> tuple[str, ...]:
    """The labels that hide a document from this mandatary. A minor's secret is hidden from caregivers as well: they know her parents."""
    if mandate.kind == MandateKind.ADULT_REPRESENTATION:
        return (INVISIBLE_TO_THE_PATIENT,)
    return (INVISIBLE_TO_THE_PATIENT, INVISIBLE_TO_REPRESENTATIVES)


MANDATE_IN_FORCE: Check[Case] = Check(
    "mandate-in-force",
    "MANDATE_NOT_IN_FORCE",
    "rules.md 12: the mandate is not in force",
    LAW,
    lambda case: case.asker.mandate is None or case.asker.mandate.is_over(case.now),
)
MANDATE_OF_THE_HOLDER: Check[Case] = Check(
    "holder",
    *ABSENT,
    lambda case: case.asker.mandate is None or case.consent.patient != case.asker.mandate.holder,
)
MANDATE_COVERS: Check[Case] = Check(
    "mandate-covers",
    "ROLE_NOT_ALLOWED",
    "rules.md 12 and 13: the mandate does not cover this",
    LAW,
    lambda case: (_rights(case) or NO_RIGHTS).cover_nothing,
)
MANDATARY = Way((MANDATE_IN_FORCE, MANDATE_OF_THE_HOLDER, RECORD_KEPT, RECORD_ACTIVE, MANDATE_COVERS), permit_mandatary)
"""Who acts for another; somebody else's record is answered as an absent one is."""
