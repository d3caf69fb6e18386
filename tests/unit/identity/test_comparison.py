"""A document's header against a person (rules.md 20)."""

from dataclasses import replace

import pytest
from carnet_identity.domain.comparison import Difference, compare_header, fold, traits_that_contradict
from carnet_identity.domain.ins import NIR_TEST, Ins
from carnet_identity.domain.traits import Sex
from support.dominique import INS, TRAITS

OTHER_INS = "277076322082910"
FAILS_ITS_KEY = "222127505611201"


def _decisive(trait: str) -> tuple[Difference, ...]:
    return (Difference(trait, is_decisive=True),)


def _warning(trait: str) -> tuple[Difference, ...]:
    return (Difference(trait, is_decisive=False),)


def _compare(header_ins: tuple[str, str] | None = (INS.value, NIR_TEST), **changes: object) -> tuple[bool, tuple[Difference, ...]]:
    found = compare_header(replace(TRAITS, **changes), header_ins, TRAITS, INS)  # type: ignore[arg-type]
    return found.is_same_person, found.differences


def test_the_same_header_is_the_same_person() -> None:
    assert _compare() == (True, ())
    assert _compare(None) == (True, ())
    assert _compare(("", "")) == (True, ())


def test_another_valid_ins_is_another_patient() -> None:
    assert _compare((OTHER_INS, NIR_TEST)) == (False, _decisive("ins"))


@pytest.mark.parametrize("number", [FAILS_ITS_KEY, "123456789012345", "2790351215189", "nonsense", "9" * 5000])
def test_a_number_that_fails_its_key_or_form_is_a_warning(number: str) -> None:
    assert _compare((number, NIR_TEST)) == (True, _warning("ins"))


def test_an_ins_she_bore_before_is_not_usable_for_a_new_deposit() -> None:
    """domain.md 1.1, over rules.md 20: it is hers, so it has a name of its own, and it decides."""
    former = [Ins(OTHER_INS, NIR_TEST)]
    assert compare_header(TRAITS, (OTHER_INS, NIR_TEST), TRAITS, INS, former).differences == _decisive("former_ins")
    assert not compare_header(TRAITS, ("2 77 07 63 220 829 10", ""), TRAITS, INS, former).is_same_person
    assert compare_header(TRAITS, (INS.value, NIR_TEST), TRAITS, INS, former).is_same_person
    assert compare_header(TRAITS, ("277076322082911", NIR_TEST), TRAITS, INS, former).differences == _warning("ins")


def test_the_same_number_written_with_blanks_is_the_same() -> None:
    assert _compare(("2 79 03 51 215 189 89", NIR_TEST)) == (True, ())


def test_the_same_number_under_another_authority_is_a_warning() -> None:
    assert _compare((INS.value, "1.2.250.1.213.1.4.8")) == (True, _warning("ins"))


@pytest.mark.parametrize("name", ["Pat-Trois", "PAT TROIS", "pat'trois", "PÀT\u2010TROÏS", "  PAT  TROIS "])
def test_accents_case_hyphens_and_apostrophes_do_not_count(name: str) -> None:
    assert _compare(birth_family_name=name) == (True, ())


def test_another_birth_name_is_another_patient() -> None:
    assert _compare(birth_family_name="PAT-QUATRE") == (False, _decisive("birth_family_name"))
    assert _compare(birth_family_name="PATTROIS") == (False, _decisive("birth_family_name"))


def test_another_first_given_name_is_another_patient() -> None:
    assert _compare(first_given_name="MARIE", given_names="") == (False, _decisive("first_given_name"))
    assert _compare(first_given_name="", given_names="MARIE DOMINIQUE")[0] is False


@pytest.mark.parametrize("names", ["DOMINIQUE", "DOMINIQUE MARIE", "DOMINIQUE MARIE-LOUISE JEANNE", "Dominique Anne"])
def test_a_shorter_or_other_list_of_given_names_is_a_warning(names: str) -> None:
    assert _compare(given_names=names) == (True, _warning("given_names"))
    assert _compare(first_given_name="", given_names=names) == (True, _warning("given_names"))


def test_a_compound_first_name_is_found_at_the_beginning_of_the_list() -> None:
    person = replace(TRAITS, first_given_name="JEAN-PIERRE", given_names="JEAN-PIERRE PAUL")
    assert compare_header(replace(person, first_given_name="", given_names="Jean Pierre Paul"), None, person, INS).is_same_person
    assert not compare_header(replace(person, first_given_name="JEAN", given_names=""), None, person, INS).is_same_person


@pytest.mark.parametrize("date", ["19790328", "197903281530", "19790328153000+0100", "19790328153000.123-0500"])
def test_a_birth_time_is_read_as_its_date(date: str) -> None:
    assert _compare(birth_date=date) == (True, ())


@pytest.mark.parametrize("date", ["1979", "197903", "19790300", "19790000"])
def test_a_date_known_in_part_is_a_warning(date: str) -> None:
    assert _compare(birth_date=date) == (True, _warning("birth_date"))


@pytest.mark.parametrize("date", ["19780328", "19790428", "19790329", "1978", "197904"])
def test_another_birth_date_is_another_patient(date: str) -> None:
    assert _compare(birth_date=date) == (False, _decisive("birth_date"))


def test_sex_decides_unless_it_is_unknown_or_left_out() -> None:
    assert _compare(sex=Sex.MALE) == (False, _decisive("sex"))
    assert _compare(sex=Sex.UNKNOWN) == (True, _warning("sex"))
    assert _compare(sex=None) == (True, ())


@pytest.mark.parametrize(
    "lacking", [{"birth_family_name": ""}, {"first_given_name": "", "given_names": ""}, {"birth_date": ""}, {"birth_date": "28/03/1979"}]
)
def test_a_header_that_identifies_nobody_is_not_the_same_person_though_nothing_decides(lacking: dict[str, object]) -> None:
    is_same, differences = _compare(**lacking)  # type: ignore[arg-type]
    assert not is_same
    assert [difference.is_decisive for difference in differences if difference.trait != "given_names"] == [False]


def test_folding_knows_the_letters_that_do_not_decompose() -> None:
    assert fold("Lœtitia Ægir Øst Łuk groß") == ("LOETITIA", "AEGIR", "OST", "LUK", "GROSS")


def test_registrations_contradict_each_other_only_in_what_both_say() -> None:
    assert traits_that_contradict(TRAITS, TRAITS) == ()
    assert traits_that_contradict(TRAITS, replace(TRAITS, given_names="", birth_place="51215", used_family_name="X")) == ()
    assert traits_that_contradict(TRAITS, replace(TRAITS, given_names="DOMINIQUE")) == ()
    assert traits_that_contradict(TRAITS, replace(TRAITS, given_names="DOMINIQUE ANNE")) == ("given_names",)
    assert traits_that_contradict(TRAITS, replace(TRAITS, birth_family_name="AUTRE", sex=Sex.MALE)) == ("birth_family_name", "sex")
    assert traits_that_contradict(TRAITS, replace(TRAITS, birth_date="19790300")) == ("birth_date",)
