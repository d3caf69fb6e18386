"""What Pro Santé Connect says of a professional, and how it is compared with the directory (domain.md 1.2)."""

from typing import Any

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.professional_claims import Practice, differences, professions_of, read_professional
from hypothesis import given
from hypothesis import strategies as st

RPPS = "99700366240"
ACTIVITY = {"codeModeExercice": "L", "codeSecteurDactivite": "SA07", "numeroFinessSite": "990000010", "raisonSocialeSite": "CABINET"}
EXERCICE = {
    "codeProfession": "10",
    "codeCategorieProfessionnelle": "C",
    "codeTypeSavoirFaire": "S",
    "codeSavoirFaire": "SM26",
    "activities": [ACTIVITY],
}


def claims(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - claims are JSON
    """Good claims, with changes; ... leaves one out."""
    good = {
        "preferred_username": f"8{RPPS}",
        "SubjectNameID": f"8{RPPS}",
        "otherIds": [{"identifiant": f"8{RPPS}", "origine": "RPPS", "qualite": 1}],
        "Acces_Regulation_Medicale": "FAUX",
        "SubjectRefPro": {"codeCivilite": "M", "exercices": [EXERCICE]},
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def test_good_claims_say_who_and_in_which_practice() -> None:
    said = read_professional(claims())
    assert (said.rpps, said.is_dispatcher) == (RPPS, False)
    assert said.practices == (Practice("10", "SM26", frozenset({"SA07"}), frozenset({"990000010"})),)


def test_little_may_be_said() -> None:
    said = read_professional({"preferred_username": f"8{RPPS}"})
    assert (said.rpps, said.is_dispatcher, said.practices) == (RPPS, False, None)


@pytest.mark.parametrize("number", [RPPS, f"8{RPPS}"])
def test_another_id_may_be_an_rpps_or_an_idnps(number: str) -> None:
    assert read_professional(claims(otherIds=[{"identifiant": number, "origine": "RPPS"}])).rpps == RPPS


def test_ids_of_another_origin_are_left_as_they_are() -> None:
    assert read_professional(claims(otherIds=[{"identifiant": "0751234567", "origine": "ADELI"}])).rpps == RPPS


@pytest.mark.parametrize(
    "changes",
    [
        {"SubjectNameID": "899700218896"},
        {"SubjectNameID": RPPS},
        {"SubjectNameID": None},
        {"SubjectNameID": [f"8{RPPS}"]},
        {"otherIds": None},
        {"otherIds": {}},
        {"otherIds": [RPPS]},
        {"otherIds": [{}]},
        {"otherIds": [{"identifiant": RPPS}]},
        {"otherIds": [{"identifiant": RPPS, "origine": 7}]},
        {"otherIds": [{"identifiant": "99700218896", "origine": "RPPS"}]},
        {"otherIds": [{"identifiant": "99700366241", "origine": "RPPS"}]},
        {"otherIds": [{"identifiant": RPPS, "origine": "RPPS"}] * 51},
        {"Acces_Regulation_Medicale": "OUI"},
        {"Acces_Regulation_Medicale": True},
        {"Acces_Regulation_Medicale": None},
        {"Acces_Regulation_Medicale": ["VRAI"]},
        {"SubjectRefPro": None},
        {"SubjectRefPro": []},
        {"SubjectRefPro": {}},
        {"SubjectRefPro": {"exercices": None}},
        {"SubjectRefPro": {"exercices": ["10"]}},
        {"SubjectRefPro": {"exercices": [{}]}},
        {"SubjectRefPro": {"exercices": [{**EXERCICE, "codeProfession": 10}]}},
        {"SubjectRefPro": {"exercices": [{**EXERCICE, "codeProfession": ""}]}},
        {"SubjectRefPro": {"exercices": [{**EXERCICE, "codeSavoirFaire": "sm26"}]}},
        {"SubjectRefPro": {"exercices": [{**EXERCICE, "codeSavoirFaire": ["SM26"]}]}},
        {"SubjectRefPro": {"exercices": [{**EXERCICE, "activities": "SA07"}]}},
        {"SubjectRefPro": {"exercices": [{**EXERCICE, "activities": [7]}]}},
        {"SubjectRefPro": {"exercices": [{**EXERCICE, "activities": [{**ACTIVITY, "codeSecteurDactivite": {"$ne": ""}}]}]}},
        {"SubjectRefPro": {"exercices": [{**EXERCICE, "activities": [{**ACTIVITY, "numeroFinessSite": 990000010}]}]}},
    ],
    ids=repr,
)
def test_what_is_malformed_or_contradicts_itself_is_refused_never_dropped(changes: dict[str, Any]) -> None:
    with pytest.raises(BrokenRule) as refused:
        read_professional(claims(**changes))
    assert RPPS not in str(refused.value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([RPPS, f"8{RPPS}", "RPPS", "VRAI", "10"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*EXERCICE, *ACTIVITY, "exercices", "origine"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*claims(), "act"]), JSON))
def test_whatever_a_provider_sends_is_read_or_refused(said: dict[str, Any]) -> None:
    """S6: no other error comes out of the parser."""
    try:
        assert len(read_professional(said).rpps) == 11
    except BrokenRule:
        return


PRACTICES = (
    Practice("10", "SM26", frozenset({"SA07"}), frozenset({"990000010"})),
    Practice("10", "", frozenset({"SA01"}), frozenset()),
    Practice("40", "SCD01", frozenset(), frozenset()),
)


@pytest.mark.parametrize(
    ("profession", "specialty", "sector", "finess", "expected"),
    [
        ("10", "SM26", "SA07", "990000010", ()),
        ("10", "", "", "", ()),
        ("10", "SM04", "SA07", "990000010", ("specialty",)),
        ("10", "SM26", "SA05", "990000010", ("activity",)),
        ("10", "SM26", "SA01", "990000036", ("activity",)),
        ("10", "SM04", "SA05", "990000036", ("specialty", "activity")),
        ("40", "SCD01", "SA07", "990000010", ()),
    ],
)
def test_a_difference_from_the_directory_is_named(
    profession: str, specialty: str, sector: str, finess: str, expected: tuple[str, ...]
) -> None:
    assert differences(PRACTICES, profession=profession, specialty=specialty, sector=sector, finess=finess) == expected


def test_who_says_nothing_contradicts_nobody() -> None:
    assert differences(None, profession="10", specialty="SM26", sector="SA07", finess="990000010") == ()
    assert professions_of(None) == ("",)
    assert professions_of(PRACTICES) == ("10", "40")
    assert professions_of(()) == ()
