"""Depositing by professionals, structures and systems: needs no authorisation, and a blocked professional may still deposit (rules.md 19).

Who may deposit which class and type stands in data/matrice-depot.csv, less what the holder opposes (`opposing.py`).
"""

from carnet_consent.domain.case import Case, Way
from carnet_consent.domain.checks import Check
from carnet_consent.domain.destroyed import RECORD_KEPT
from carnet_consent.domain.filter import DocumentFilter
from carnet_consent.domain.holder import RECORD_ACTIVE
from carnet_consent.domain.opposing import is_opposed, opposed_classes
from carnet_consent.domain.outcome import Decision, Permit, obligations_of_deposit

LAW = "CSP R1111-47, PDSM4DMP td02 NB1"


def permit_deposit(case: Case) -> Decision:
    """Permit the classes and types this actor may deposit and the holder does not oppose."""
    opposed = opposed_classes(case.consent, case.asker, case.now)
    rights = case.habilitation.may_deposit(case.asker.role).without(opposed, case.habilitation.classes)
    return Decision(Permit(DocumentFilter(rights), obligations_of_deposit(case.consent)), "rules.md 19: deposit", LAW)


MAY_DEPOSIT: Check[Case] = Check(
    "may-deposit",
    "ROLE_NOT_ALLOWED",
    "rules.md 19: this actor may deposit nothing",
    LAW,
    lambda case: case.habilitation.may_deposit(case.asker.role).cover_nothing,
)
NOT_OPPOSED: Check[Case] = Check(
    "deposit-not-opposed",
    "DEPOSIT_OPPOSED",
    "domain.md 3.1, 6: the holder opposes that this author feeds her record",
    "CSP R1111-47",
    lambda case: is_opposed(case.consent, case.asker, case.now),
)
DEPOSIT = Way((RECORD_KEPT, RECORD_ACTIVE, MAY_DEPOSIT, NOT_OPPOSED), permit_deposit)
"""Depositing by everybody but the person and who acts for her."""
