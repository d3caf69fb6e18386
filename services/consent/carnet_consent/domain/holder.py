"""The person's own access to her record (CSP L1111-19): everything but what an announcement must come before (R1111-53).

Somebody else's record is answered as an absent one is: whether another person has a record is told to nobody this way.
"""

from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.case import Case, Way
from carnet_consent.domain.checks import Check
from carnet_consent.domain.consent import Consent, RecordState
from carnet_consent.domain.destroyed import KEPT_FOR_THE_HOLDER
from carnet_consent.domain.filter import INVISIBLE_TO_THE_PATIENT, DocumentFilter
from carnet_consent.domain.outcome import Decision, Permit, obligations_of_deposit

LAW = "CSP L1111-19"
OPEN_WHILE_CLOSED = frozenset({Action.READ, Action.READ_HISTORY})
"""What the holder keeps while her record is closed: reading, export and history (rules.md 15)."""


def is_holder(asker: Asker, consent: Consent) -> bool:
    """Whether the asker is the person whose record it is."""
    return asker.is_patient and asker.subject == consent.patient


def acts_as_holder(asker: Asker, consent: Consent) -> bool:
    """Whether the asker manages this record: the person herself, or her representative while she is a minor (domain.md 1.3)."""
    return asker.acts_for != "" and asker.acts_for == consent.patient


def permit_holder(case: Case) -> Decision:
    """Permit the holder; for a deposit within what a person may deposit (rules.md 19)."""
    role = case.asker.role
    if case.question.action == Action.DEPOSIT:
        rule = "rules.md 19: deposit by the holder"
        documents = DocumentFilter(case.habilitation.may_deposit(role))
        return Decision(Permit(documents, obligations_of_deposit(case.consent)), rule, "data/matrice-depot.csv")
    documents = DocumentFilter(case.habilitation.may_read(role), excluded_visibilities=(INVISIBLE_TO_THE_PATIENT,))
    return Decision(Permit(documents), "the holder's own record", f"{LAW}, R1111-53")


ABSENT = ("NOT_FOUND", "rules.md 1: there is no such record", "CSP R1111-46")
"""The reason, rule and source of a record that is not there, or must be taken for absent."""
_CLOSED = ("RECORD_CLOSED", "domain.md 2: a closed record is neither fed nor read", "PDSM4DMP td02")

RECORD_ACTIVE: Check[Case] = Check("state", *_CLOSED, lambda case: case.consent.state != RecordState.ACTIVE)
HOLDER_S_OWN: Check[Case] = Check("holder", *ABSENT, lambda case: not is_holder(case.asker, case.consent))
OPEN_TO_THE_HOLDER: Check[Case] = Check(
    "state", *_CLOSED, lambda case: case.consent.state != RecordState.ACTIVE and case.question.action not in OPEN_WHILE_CLOSED
)
HOLDER = Way((HOLDER_S_OWN, KEPT_FOR_THE_HOLDER, OPEN_TO_THE_HOLDER), permit_holder)
"""The person herself, who keeps some rights while her record is closed."""
