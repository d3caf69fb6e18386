"""Trial C6: the example consents of IHE Privacy Consent on FHIR 1.1.0 that can be said here give the results published with them.

Each example is named as its page is (profiles.ihe.net/ITI/PCF/Consent-<name>.html); the result is the one of its notes: a token or none for
this user and purpose, and whether data labelled normal and restricted pass. Restricted is here what is masked from professionals.

Not said here, because no statement of ours selects data so: `ex-consent-intermediate-authoredby`, `-not-authoredby`, `-timeframe`,
`-not-timeframe`, `-encounter`, `-not-encounter`, `-data`; the two of focused labels (PSY, SEX); and `ex-consent-basic-research`, for nobody
reads a record here for research.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import AttendingPhysician, Consent, Episode, NamedHide, Switches
from carnet_consent.domain.decision import decide
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.outcome import Permit
from carnet_consent.domain.stating import Durations, Wish, state
from unit.consent.builders import CLINIC, DOCTOR, HOLDER, HOSPITAL, HOUR, NOW, reading, record, statement, tables
from unit.consent.playing import KINDS

NORMAL = DocumentFacts("records/r/documents/normal", "10", "11502-2", depositor="professionals/author", structure="structures/lab")
RESTRICTED = replace(NORMAL, name="records/r/documents/restricted", labels=("MASQUE_PS",))
OTHER = replace(DOCTOR, subject="professionals/other", structure=CLINIC)
PHARMACIST = Asker("professionals/pharmacist", "21", HOSPITAL, "TREATMENT")
BOTH, ONLY_NORMAL, NOTHING = "normal and restricted", "normal", "no token"


def treatment() -> Consent:
    """Treatment is permitted to whom the patient consented."""
    return record(statement("STANDING", DOCTOR.subject), statement("STANDING", OTHER.subject, number=1))


def expired() -> Consent:
    return record(statement("STANDING", DOCTOR.subject, has_ended=True))


def dissent() -> Consent:
    """Everything is denied, whatever was consented to before."""
    return record(statement("STANDING", DOCTOR.subject), statement("BLOCK", DOCTOR.subject, number=1))


def dissent_except_for_break_glass() -> Consent:
    broken = tuple(Episode(f"e{who}", who, HOSPITAL, NOW, NOW + HOUR) for who in (DOCTOR.subject, PHARMACIST.subject))
    return replace(dissent(), switches=Switches(break_glass=True), episodes=broken)


def not_one_document() -> Consent:
    return replace(treatment(), hides=(NamedHide(NORMAL.name, DOCTOR.subject),))


def one_organisation() -> Consent:
    return record(statement("STANDING", HOSPITAL))


def focused_on_a_practitioner() -> Consent:
    return replace(treatment(), attending_physicians=(AttendingPhysician(DOCTOR.subject, is_confirmed=True),))


def break_glass_opens_restricted() -> Consent:
    broken = (Episode("e", DOCTOR.subject, HOSPITAL, NOW, NOW + HOUR),)
    return replace(treatment(), switches=Switches(masked_documents=True), episodes=broken)


def given_by_the_mother() -> Consent:
    mandate = Mandate("mandates/m", HOLDER, MandateKind.MINOR_REPRESENTATION)
    mother = Asker("patients/mother", "REPRESENTATIVE", "", "PATIENT_REQUEST", mandate=mandate)
    return state(record(), mother, Wish(DOCTOR.subject, KINDS["authorised"]), NOW, Durations(), statement_id="s")[0]


@dataclass(frozen=True)
class Example:
    """An example, a user and a purpose, and the published result."""

    name: str
    consent: Callable[[], Consent]
    user: Asker
    result: str
    purpose: str = "TREATMENT"


EXAMPLES = (
    Example("ex-consent-basic-treat", treatment, DOCTOR, ONLY_NORMAL),
    Example("ex-consent-basic-ink", treatment, DOCTOR, ONLY_NORMAL),
    Example("ex-consent-basic-reject", dissent, DOCTOR, NOTHING),
    Example("ex-consent-expired-treat before its end", treatment, DOCTOR, ONLY_NORMAL),
    Example("ex-consent-expired-treat after its end", expired, DOCTOR, NOTHING),
    Example("the consent given by a mother", given_by_the_mother, DOCTOR, ONLY_NORMAL),
    Example("ex-consent-intermediate-not-data", not_one_document, DOCTOR, "neither, of these two"),
    Example("ex-consent-intermediate-purpose, in the organisation", one_organisation, DOCTOR, ONLY_NORMAL),
    Example("ex-consent-intermediate-purpose, elsewhere", one_organisation, OTHER, NOTHING),
    Example("ex-consent-intermediate-purpose, another purpose", one_organisation, DOCTOR, NOTHING, "OPERATIONS"),
    Example("ex-dissent-intermediate-break-glass, for treatment", dissent_except_for_break_glass, DOCTOR, NOTHING),
    Example("ex-dissent-intermediate-break-glass, declared", dissent_except_for_break_glass, DOCTOR, ONLY_NORMAL, "BREAK_GLASS"),
    Example("ex-dissent-intermediate-break-glass, not allowed to", dissent_except_for_break_glass, PHARMACIST, NOTHING, "BREAK_GLASS"),
    Example("ex-consent-advanced-normal", treatment, DOCTOR, ONLY_NORMAL),
    Example("ex-consent-advanced-normal-not-restricted", treatment, DOCTOR, ONLY_NORMAL),
    Example("ex-consent-advanced-normal-focused-restricted, the practitioner", focused_on_a_practitioner, DOCTOR, BOTH),
    Example("ex-consent-advanced-normal-focused-restricted, most users", focused_on_a_practitioner, OTHER, ONLY_NORMAL),
    Example("ex-consent-advanced-normal-break-glass-restricted, most users", break_glass_opens_restricted, OTHER, ONLY_NORMAL),
    Example("ex-consent-advanced-normal-break-glass-restricted, declared", break_glass_opens_restricted, DOCTOR, BOTH, "BREAK_GLASS"),
)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_an_example_of_pcf_gives_its_published_result(example: Example) -> None:
    """C6."""
    user = replace(example.user, purpose=example.purpose)
    outcome = decide(reading(user), example.consent(), tables(), NOW).outcome

    if not isinstance(outcome, Permit):
        assert example.result == NOTHING
        return
    passing = {(True, True): BOTH, (True, False): ONLY_NORMAL, (False, False): "neither, of these two"}
    assert example.result == passing[outcome.filter.passes(NORMAL), outcome.filter.passes(RESTRICTED)]


def test_a_document_that_the_example_does_not_name_passes() -> None:
    """C6: `ex-consent-intermediate-not-data` permits all but one."""
    outcome = decide(reading(DOCTOR), not_one_document(), tables(), NOW).outcome

    assert isinstance(outcome, Permit)
    assert outcome.filter.passes(replace(NORMAL, name="records/r/documents/other"))
