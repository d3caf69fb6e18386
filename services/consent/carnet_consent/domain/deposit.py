"""Depositing by professionals, structures and systems: needs no authorisation, and a blocked professional may still deposit (rules.md 19).

Who may deposit which class and type stands in data/matrice-depot.csv alone.
"""

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.filter import DocumentFilter
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision, Permit, denied

LAW = "CSP R1111-47, PDSM4DMP td02 NB1"


def decide_deposit(asker: Asker, habilitation: Habilitation) -> Decision:
    """Permit the classes and types this actor may deposit; refuse an actor who may deposit nothing."""
    rights = habilitation.may_deposit(asker.role)
    if rights.cover_nothing:
        return denied("ROLE_NOT_ALLOWED", "rules.md 19: this actor may deposit nothing", LAW)
    return Decision(Permit(DocumentFilter(rights)), "rules.md 19: deposit", LAW)
