"""What a permit covers: masked documents, hidden ones, the depositor's own, the habilitation."""

from dataclasses import replace

import pytest
from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.consent import AttendingPhysician, Consent, NamedHide, Switches
from carnet_consent.domain.context import Question
from carnet_consent.domain.decision import decide
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.outcome import Obligation, Permit
from unit.consent.builders import DOCTOR, HOLDER_ASKS, HOSPITAL, NOW, asker, reading, record, record_stating, statement, tables

BIOLOGY = DocumentFacts("records/r/documents/biology", "10", "11502-2", depositor="professionals/other", structure="structures/lab")
MASKED = replace(BIOLOGY, labels=("MASQUE_PS",))
RESIDENCE = replace(BIOLOGY, document_class="52", document_type="ATTEST-RESID")


def permit(who: Asker, consent: Consent) -> Permit:
    outcome = decide(reading(who), consent, tables(), NOW).outcome
    assert isinstance(outcome, Permit)
    return outcome


def authorised() -> Consent:
    return record(statement("STANDING", DOCTOR.subject))


def test_an_authorised_doctor_sees_what_his_profession_may_read_and_nothing_masked() -> None:
    documents = permit(DOCTOR, authorised()).filter

    assert documents.passes(BIOLOGY)
    assert not documents.passes(MASKED)
    assert not documents.passes(RESIDENCE)
    assert not documents.passes(replace(BIOLOGY, document_class="", document_type="NOT-IN-ANY-TABLE"))


def test_what_he_deposited_himself_he_sees_masked_and_beyond_his_profession_but_not_hidden() -> None:
    """R1111-49, rules.md 5."""
    mine = replace(MASKED, document_class="52", document_type="ATTEST-RESID", depositor=DOCTOR.subject)
    hidden = replace(authorised(), hides=(NamedHide(mine.name, DOCTOR.subject),))

    assert permit(DOCTOR, authorised()).filter.passes(mine)
    assert not permit(DOCTOR, hidden).filter.passes(mine)


@pytest.mark.parametrize("grantee", [DOCTOR.subject, HOSPITAL])
def test_a_document_hidden_by_name_passes_for_nobody_it_is_hidden_from(grantee: str) -> None:
    hidden = replace(authorised(), hides=(NamedHide(BIOLOGY.name, grantee), NamedHide("records/r/documents/z", "structures/clinic")))

    assert permit(DOCTOR, hidden).filter.hidden_documents == (BIOLOGY.name,)
    assert not permit(DOCTOR, hidden).filter.passes(BIOLOGY)


def test_the_structures_own_documents_need_a_care_relation_and_no_named_author() -> None:
    of_the_hospital = replace(MASKED, depositor="", structure=HOSPITAL)
    in_care = record(statement("CARE_RELATION", HOSPITAL))

    assert permit(DOCTOR, in_care).filter.passes(of_the_hospital)
    assert not permit(DOCTOR, in_care).filter.passes(replace(of_the_hospital, depositor="professionals/other"))
    assert not permit(DOCTOR, authorised()).filter.passes(of_the_hospital)


def test_the_attending_physician_sees_masked_documents_once_the_holder_confirmed() -> None:
    pending = replace(authorised(), attending_physicians=(AttendingPhysician(DOCTOR.subject, is_confirmed=False),))
    confirmed = replace(authorised(), attending_physicians=(AttendingPhysician(DOCTOR.subject, is_confirmed=True),))
    hidden = replace(confirmed, hides=(NamedHide(MASKED.name, DOCTOR.subject),))

    assert not permit(DOCTOR, pending).filter.passes(MASKED)
    assert permit(DOCTOR, confirmed).filter.passes(MASKED)
    assert not permit(DOCTOR, hidden).filter.passes(MASKED)


def test_in_an_emergency_masked_documents_stay_closed_unless_the_person_accepted_and_hidden_ones_always() -> None:
    """C7."""
    broken = asker("doctor", "BREAK_GLASS")
    closed = record_stating("emergency of doctor")
    opened = replace(closed, switches=Switches(masked_documents=True))
    hidden = replace(opened, hides=(NamedHide(MASKED.name, DOCTOR.subject),))

    assert not permit(broken, closed).filter.passes(MASKED)
    assert permit(broken, closed).filter.passes(replace(MASKED, depositor=DOCTOR.subject))
    assert permit(broken, opened).filter.passes(MASKED)
    assert not permit(broken, hidden).filter.passes(MASKED)
    assert permit(broken, closed).obligations == (Obligation.SHOW_EMERGENCY, Obligation.NOTIFY_EMERGENCY)
    assert permit(broken, closed).episode == "e0"


def test_the_holder_sees_everything_but_what_awaits_an_announcement() -> None:
    """R1111-53."""
    documents = permit(HOLDER_ASKS, record()).filter

    assert documents.passes(MASKED)
    assert documents.passes(replace(BIOLOGY, document_class="", document_type="NOT-IN-ANY-TABLE"))
    assert not documents.passes(replace(BIOLOGY, labels=("INVISIBLE_PATIENT",)))


def test_a_permit_ends_with_the_first_fact_it_rests_on() -> None:
    lasting, short = statement("STANDING", DOCTOR.subject), replace(statement("CARE_RELATION", HOSPITAL, number=1), end=NOW + (NOW - NOW))
    soon = replace(short, end=NOW.replace(minute=1))

    assert permit(DOCTOR, record(lasting)).ends == lasting.end
    assert permit(DOCTOR, record(lasting, soon)).ends == soon.end
    assert permit(HOLDER_ASKS, record()).ends is None


def test_a_blocked_professional_may_still_deposit_what_his_profession_may() -> None:
    """rules.md 19."""
    blocked = record(statement("BLOCK", DOCTOR.subject))
    outcome = decide(Question(DOCTOR, "TREATMENT", Action.DEPOSIT), blocked, tables(), NOW).outcome

    assert isinstance(outcome, Permit)
    assert outcome.filter.passes(BIOLOGY)
    assert not outcome.filter.passes(replace(BIOLOGY, document_class="60", document_type="REMB"))


def test_the_insurers_system_deposits_reimbursements_and_reads_nothing() -> None:
    insurer = Asker("structures/insurer", "INSURER", "structures/insurer", "SYSTEM_DEPOSIT")
    deposit = decide(Question(insurer, "SYSTEM_DEPOSIT", Action.DEPOSIT), record(), tables(), NOW).outcome

    assert isinstance(deposit, Permit)
    assert deposit.filter.rights.classes == ("60",)
    assert not decide(Question(insurer, "SYSTEM_DEPOSIT", Action.READ), record(), tables(), NOW).permits


@pytest.mark.parametrize("action", [Action.MANAGE, Action.READ_HISTORY])
def test_only_the_holder_manages_documents_and_reads_the_history(action: Action) -> None:
    assert decide(Question(HOLDER_ASKS, "PATIENT_REQUEST", action), record(), tables(), NOW).permits
    assert not decide(Question(DOCTOR, "TREATMENT", action), authorised(), tables(), NOW).permits
