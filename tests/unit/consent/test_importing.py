"""Taking over a record of an earlier system: each rule that keeps one out, and what becomes of what it stated."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from carnet_consent.domain.closing import Terms
from carnet_consent.domain.consent import AttendingPhysician, Consent, RecordState, StatementKind
from carnet_consent.domain.import_line import Columns
from carnet_consent.domain.importing import ImportRules, KnownPerson, KnownSubject, imported
from carnet_consent.domain.person import PersonStatus
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Durations
from support.earlier_system import HEADINGS, doctor, hospital, line, nurse

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RULES = ImportRules(
    Durations(), Terms(), frozenset({"10", "60"}), frozenset({"FERMETURE_DEMANDE_PATIENT", "FERMETURE_DECES", "FERMETURE_DESTRUCTION"})
)
LIVING = PersonStatus(is_qualified=True, revision=4, departement="67")
CLOSED = {"closed": "2024-06-30", "closing_code": "FERMETURE_DEMANDE_PATIENT"}
KNOWN = {
    **{doctor(number): KnownSubject(f"professionals/d{number}", ("10",)) for number in range(1, 4)},
    nurse(1): KnownSubject("professionals/n1", ("60",)),
    hospital(1): KnownSubject("structures/h1"),
}


def taken(status: PersonStatus = LIVING, rules: ImportRules = RULES, /, **changed: str) -> Consent:
    numbers = count()
    said = Columns(HEADINGS).read(line(1, **changed))
    person = KnownPerson("patients/p", status)
    return imported(said, person, KNOWN, rules, NOW, record="records/r", new_id=lambda: f"s{next(numbers)}")


def refused(status: PersonStatus = LIVING, rules: ImportRules = RULES, /, **changed: str) -> tuple[str, str]:
    with pytest.raises(RuleBrokenError) as raised:
        taken(status, rules, **changed)
    return raised.value.reason, raised.value.field


def test_the_dates_are_those_of_the_earlier_system() -> None:
    consent = taken(authorisations=f"{doctor(1)} 2026-05-01 2027-04-30")
    assert consent.opened == consent.evidence.collected == datetime(2012, 2, 29, 23, tzinfo=UTC)
    (stated,) = consent.statements
    assert (stated.grantee, stated.kind, stated.stated_by) == ("professionals/d1", StatementKind.STANDING, "patients/p")
    assert (stated.start, stated.end) == (datetime(2026, 4, 30, 22, tzinfo=UTC), datetime(2027, 4, 30, 22, tzinfo=UTC))
    assert (consent.state, consent.person_revision) == (RecordState.ACTIVE, 4)


def test_an_authorisation_without_an_end_gets_that_of_the_rules_and_a_structure_must_have_one() -> None:
    """rules.md 3."""
    (stated,) = taken(authorisations=f"{doctor(1)} 2026-05-01").statements
    assert stated.end == stated.start + timedelta(days=365)
    assert refused(authorisations=f"{hospital(1)} 2026-05-01") == ("INVALID_FIELD", "authorisations[0]")


def test_a_block_takes_the_authorisation_of_its_grantee_and_one_that_ended_is_forgotten() -> None:
    """So whoever is unblocked later falls back to nothing, and must ask again (domain.md 3.2)."""
    both = {"authorisations": f"{doctor(1)} 2026-05-01,{doctor(2)} 2026-05-01"}
    consent = taken(blocks=f"{doctor(1)} 2015-01-01,{doctor(3)} 2014-01-01 2015-01-01", **both)
    assert [(one.grantee, one.kind) for one in consent.statements] == [
        ("professionals/d1", StatementKind.BLOCK),
        ("professionals/d2", StatementKind.STANDING),
    ]


def test_an_attending_physician_is_pending_unless_she_confirmed_him() -> None:
    """rules.md 4: what a doctor declared himself opens no masked document until she confirms."""
    told = f"{doctor(1)} 2018-01-01"
    assert taken(attending_physician=told).attending_physicians == (AttendingPhysician("professionals/d1", is_confirmed=False),)
    confirmed = taken(attending_physician=told, attending_physician_confirmed="1")
    assert confirmed.attending_physicians == (AttendingPhysician("professionals/d1", is_confirmed=True),)
    assert taken(attending_physician=f"{told} 2020-01-01").attending_physicians == ()
    assert refused(attending_physician=f"{told} 2027-01-01") == ("INVALID_FIELD", "attending_physician")
    assert refused(attending_physician=f"{nurse(1)} 2018-01-01") == ("INVALID_FIELD", "attending_physician")


def test_a_closed_record_is_kept_ten_years_from_its_closing_there() -> None:
    """CSP L1111-18."""
    consent = taken(**CLOSED)
    assert consent.state == RecordState.CLOSED
    assert consent.closing is not None
    assert (consent.closing.motive, consent.closing.closed) == ("FERMETURE_DEMANDE_PATIENT", datetime(2024, 6, 29, 22, tzinfo=UTC))
    assert consent.closing.destroy == datetime(2034, 6, 29, 22, tzinfo=UTC)
    assert refused(**(CLOSED | {"closed": "2016-11-20"})) == ("INVALID_FIELD", "closed")
    assert refused(closed="2024-06-30") == refused(closing_code="FERMETURE_DEMANDE_PATIENT") == ("INVALID_FIELD", "closing_code")
    for code in ("FERMETURE_DESTRUCTION", "SOMETHING"):
        assert refused(**(CLOSED | {"closing_code": code})) == ("INVALID_FIELD", "closing_code")
    assert refused(**(CLOSED | {"closed": "2012-02-28"})) == ("INVALID_FIELD", "closed")


def test_an_open_record_is_of_somebody_who_lives_and_a_closing_by_death_of_somebody_who_died() -> None:
    """rules.md 17."""
    dead = replace(LIVING, is_deceased=True)
    assert refused(dead) == ("PERSON_DECEASED", "ins")
    assert taken(dead, **CLOSED).state == RecordState.CLOSED
    by_death = CLOSED | {"closing_code": "FERMETURE_DECES"}
    assert taken(dead, **by_death).state == RecordState.CLOSED
    assert refused(LIVING, **by_death) == ("INVALID_FIELD", "closing_code")


def test_an_identity_that_is_not_qualified_is_refused_whatever_the_record() -> None:
    """REF-DMP."""
    for changed in ({}, CLOSED):
        assert refused(replace(LIVING, is_qualified=False), **changed) == ("IDENTITY_NOT_QUALIFIED", "ins")


@pytest.mark.parametrize(
    ("departement", "is_taken"), [("67", True), ("2A", True), ("971", True), ("97", False), ("2B", False), ("20", False), ("", False)]
)
def test_records_are_imported_for_who_lives_in_an_open_departement(departement: str, is_taken: bool) -> None:  # noqa: FBT001 - a column
    """domain.md 2. A person whose commune nobody knows is refused: to be opened by not being known would open everywhere."""
    rules = replace(RULES, open_departements=frozenset({"67", "2A", "971"}))
    status = replace(LIVING, departement=departement)
    if is_taken:
        assert taken(status, rules).state == RecordState.ACTIVE
    else:
        assert refused(status, rules) == ("DEPARTEMENT_NOT_OPEN", "ins")
    assert taken(status).state == RecordState.ACTIVE, "all are open where none is named"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"opened": "2026-11-23"}, "opened"),
        ({"authorisations": f"{doctor(1)} 2026-11-23"}, "authorisations[0]"),
        ({"blocks": f"{doctor(1)} 2026-11-23"}, "blocks[0]"),
        ({"care_relations": f"{nurse(1)} 2026-11-23"}, "care_relations[0]"),
        ({"attending_physician": f"{doctor(1)} 2026-11-23"}, "attending_physician"),
        (CLOSED | {"closed": "2026-11-23"}, "closed"),
        ({"blocks": f"{doctor(9)} 2020-01-01"}, "blocks[0]"),
        ({"blocks": f"{doctor(9)} 2010-01-01 2011-01-01"}, "blocks[0]"),
        ({"care_relations": f"{hospital(9)} 2020-01-01 2021-01-01"}, "care_relations[0]"),
        ({"attending_physician": f"{doctor(9)} 2020-01-01"}, "attending_physician"),
        ({"evidence_collected_by": hospital(9)}, "evidence_collected_by"),
        ({"authorisations": f"{doctor(1)}:11 2026-01-01"}, "authorisations[0]"),
    ],
)
def test_dates_to_come_and_whom_nobody_knows_are_refused(changed: dict[str, str], field: str) -> None:
    assert refused(**changed) == ("INVALID_FIELD", field)


def test_a_record_holds_no_more_statements_than_any_other() -> None:
    rules = replace(RULES, durations=Durations(most_statements=1))
    assert refused(LIVING, rules, authorisations=f"{doctor(1)} 2026-05-01,{doctor(2)} 2026-05-01") == ("INVALID_FIELD", "authorisations")
