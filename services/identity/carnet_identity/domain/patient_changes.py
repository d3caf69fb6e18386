"""What changes a registered person, each as a function from the person to the person: nothing is stored here, and nothing is looked up.

Promises that a strict trait of a validated or qualified identity changes with new evidence only, that a doubtful or fictitious identity
is left neither validated nor qualified, and that an INS once borne is kept. A change that changes nothing gives the very same person.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.identity_evidence import EVIDENCE_REQUIRED, NO_EVIDENCE, IdentityEvidence
from carnet_identity.domain.identity_status import (
    RESTS_ON,
    Basis,
    IdentityAttribute,
    IdentityStatus,
    check_basis,
    is_open_to,
    kept_evidence,
    lowered,
    needed_for,
)
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Death, FormerIns, Patient
from carnet_identity.domain.traits import Traits, check_death_date, strict_difference

INS_TAKEN = "INS_TAKEN"
MOST_FORMER = 20
"""Far more than anybody bore; a row stays small."""
_INSI_CALL = Basis(needs_insi_call=True, needs_paper=False)
_VERIFIED = frozenset({IdentityStatus.VALIDATED, IdentityStatus.QUALIFIED})


def updated(patient: Patient, traits: Traits, residence_commune: str, evidence: IdentityEvidence) -> Patient:
    """The person with other traits and another residence, both checked.

    A strict trait of a validated or qualified identity needs new evidence of all that the status rests on. A retrieved identity whose
    strict traits are not those of a new call of INSi rests on nothing any more: it is provisional.

    Raises:
        BrokenRule: IDENTITY_EVIDENCE_REQUIRED.
    """
    changed = replace(patient, traits=traits, residence_commune=residence_commune)
    if not strict_difference(patient.traits, traits):
        return changed
    if patient.status in _VERIFIED:
        check_basis(evidence, RESTS_ON[patient.status])
        _check_newer(evidence, patient.evidence, RESTS_ON[patient.status])
    elif patient.status is IdentityStatus.RETRIEVED and evidence.insi_call_time is None:
        return replace(changed, status=IdentityStatus.PROVISIONAL, evidence=NO_EVIDENCE)
    return replace(changed, evidence=kept_evidence(evidence, patient.status))


def with_status(
    patient: Patient, status: IdentityStatus, attributes: AbstractSet[IdentityAttribute], evidence: IdentityEvidence
) -> Patient:
    """The person under another status, or marked otherwise.

    Marking an identity doubtful or fictitious lowers the status it has; asking for a higher one in the same breath is refused.

    Raises:
        BrokenRule: IDENTITY_EVIDENCE_REQUIRED; INVALID_FIELD, for a status that the attributes do not leave open.
    """
    if status is patient.status:
        kept = lowered(status, attributes)
        held = patient.evidence
    else:
        if not is_open_to(status, attributes):
            raise BrokenRule("identity_status", "a doubtful or fictitious identity is neither validated nor qualified")
        kept, basis = status, needed_for(patient.status, status)
        check_basis(evidence, basis)
        held = evidence if basis.needs_insi_call or basis.needs_paper else patient.evidence
    return replace(patient, status=kept, attributes=frozenset(attributes), evidence=kept_evidence(held, kept))


def with_ins(patient: Patient, ins: Ins, evidence: IdentityEvidence, now: datetime) -> Patient:
    """The person under another INS; the present one becomes history (domain.md 1.1).

    The status stays: it is the person who was verified. Whoever has the new number from INSi shows the call.

    Raises:
        BrokenRule: IDENTITY_EVIDENCE_REQUIRED, without a call of INSi newer than the one held; INVALID_FIELD, for the present INS;
            INS_TAKEN, for a former one of hers, under which nothing new may be deposited; STATE_FORBIDS, for the twenty-first.
    """
    if ins == patient.ins:
        raise BrokenRule("ins", "this is the INS registered already")
    if ins in patient.every_ins:
        raise BrokenRule("ins", "this INS was hers before and is history", reason=INS_TAKEN)
    if len(patient.former) >= MOST_FORMER:
        raise BrokenRule("ins", f"a person has at most {MOST_FORMER} former matricules", reason="STATE_FORBIDS")
    check_basis(evidence, _INSI_CALL)
    _check_newer(evidence, patient.evidence, _INSI_CALL)
    said = replace(patient.evidence, insi_call_time=evidence.insi_call_time)
    if evidence.paper is not None:
        said = evidence
    former = FormerIns(ins=patient.ins, begin_time=patient.ins_time, end_time=now)
    kept = kept_evidence(said, patient.status)
    return replace(patient, ins=ins, ins_time=now, former=(*patient.former, former), evidence=kept)


def deceased(patient: Patient, death_date: str, evidence: str, now: datetime) -> Patient:
    """The person as one who has died (rules.md 17); `evidence` is what shows it, in words.

    Raises:
        BrokenRule: PERSON_DECEASED, when that is stated already; INVALID_FIELD, for a date that cannot be.
    """
    if patient.death is not None:
        raise BrokenRule("patient", "the person's death is stated already", reason="PERSON_DECEASED")
    check_death_date(death_date, patient.traits.birth_date, today=now.date(), field="death_date")
    return replace(patient, death=Death(death_date=death_date, evidence=evidence, record_time=now))


def alive(patient: Patient) -> Patient:
    """The person as one whose death was stated by mistake (rules.md 17).

    Raises:
        BrokenRule: STATE_FORBIDS, when no death is stated.
    """
    if patient.death is None:
        raise BrokenRule("patient", "no death is stated", reason="STATE_FORBIDS")
    return replace(patient, death=None)


def _check_newer(evidence: IdentityEvidence, held: IdentityEvidence, basis: Basis) -> None:
    for name, is_needed in (("insi_call_time", basis.needs_insi_call), ("paper_check_time", basis.needs_paper)):
        time, before = getattr(evidence, name), getattr(held, name)
        if is_needed and time is not None and before is not None and time <= before:
            raise BrokenRule(f"identity_evidence.{name}", "new evidence is newer than what is held", reason=EVIDENCE_REQUIRED)
