"""The person's own access to her record (CSP L1111-19): everything but what an announcement must come before (R1111-53).

Somebody else's record is answered as an absent one is: whether another person has a record is told to nobody this way.
"""

from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.consent import Consent, RecordState
from carnet_consent.domain.filter import INVISIBLE_TO_THE_PATIENT, DocumentFilter
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision, Permit, denied

LAW = "CSP L1111-19"
OPEN_WHILE_CLOSED = frozenset({Action.READ, Action.READ_HISTORY})
"""What the holder keeps while her record is closed: reading, export and history (rules.md 15)."""


def is_holder(asker: Asker, consent: Consent) -> bool:
    """Whether the asker is the person whose record it is."""
    return asker.is_patient and asker.subject == consent.patient


def acts_as_holder(asker: Asker, consent: Consent) -> bool:
    """Whether the asker manages this record: the person herself, or her representative while she is a minor (domain.md 1.3)."""
    return asker.acts_for != "" and asker.acts_for == consent.patient


def decide_holder(asker: Asker, action: Action, consent: Consent, habilitation: Habilitation) -> Decision:
    """Permit the holder; for a deposit within what a person may deposit (rules.md 19)."""
    if not is_holder(asker, consent):
        return absent_record()
    if consent.state != RecordState.ACTIVE and action not in OPEN_WHILE_CLOSED:
        return closed_record()
    if action == Action.DEPOSIT:
        rule = "rules.md 19: deposit by the holder"
        return Decision(Permit(DocumentFilter(habilitation.may_deposit(asker.role))), rule, "data/matrice-depot.csv")
    documents = DocumentFilter(habilitation.may_read(asker.role), excluded_visibilities=(INVISIBLE_TO_THE_PATIENT,))
    return Decision(Permit(documents), "the holder's own record", f"{LAW}, R1111-53")


def absent_record() -> Decision:
    """Answer for a record that is not there, or must be taken for absent."""
    return denied("NOT_FOUND", "rules.md 1: there is no such record", "CSP R1111-46")


def closed_record() -> Decision:
    """Answer for a record that is closed to this action."""
    return denied("RECORD_CLOSED", "domain.md 2: a closed record is neither fed nor read", "PDSM4DMP td02")
