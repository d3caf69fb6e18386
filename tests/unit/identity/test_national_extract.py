"""The lines of the national extract: what is taken, and that whatever else is refused by heading and rule."""

import random

import pytest
from carnet_dev.extracts import HEADINGS, finess, line, people_lines, rpps, siret
from carnet_identity.directory_import.main import nomenclatures
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.national_extract import REQUIRED, NationalExtract
from hypothesis import given
from hypothesis import strategies as st

CODES = nomenclatures()
GOOD = {
    "Type d'identifiant PP": "8",
    "Identifiant PP": rpps(7),
    "Identification nationale PP": f"8{rpps(7)}",
    "Code civilité d'exercice": "DR",
    "Nom d'exercice": "EXEMPLE",
    "Prénom d'exercice": "Eve",
    "Code profession": "10",
    "Code catégorie professionnelle": "C",
    "Code type savoir-faire": "S",
    "Code savoir-faire": "SM26",
    "Code mode exercice": "L",
    "Numéro SIRET site": siret(7),
    "Numéro SIREN site": siret(7)[:9],
    "Numéro FINESS site": finess(7),
    "Numéro FINESS établissement juridique": finess(8),
    "Identifiant technique de la structure": "R7",
    "Raison sociale site": "SARL EXEMPLE",
    "Enseigne commerciale site": "Cabinet exemple",
    "Code secteur d'activité": "SA07",
    "Code genre activité": "GENR02",
}


@pytest.fixture
def extract() -> NationalExtract:
    """The published form."""
    return NationalExtract(HEADINGS, CODES)


def test_a_line_is_read_whole(extract: NationalExtract) -> None:
    read = extract.read(line(GOOD))
    assert (read.rpps, read.title, read.family_name, read.given_name) == (rpps(7), "Dr", "EXEMPLE", "Eve")
    assert read.activity == (finess(7), "10", "SM26", "SA07", "L", True, True, "", "")
    assert read.structure == (finess(7), finess(7), finess(8), siret(7)[:9], siret(7), "Cabinet exemple")


@pytest.mark.parametrize(
    ("left_out", "key"),
    [(("Numéro FINESS site",), f"3{siret(7)}"), (("Numéro FINESS site", "Numéro SIRET site"), "TR7")],
)
def test_a_structure_is_known_by_finess_or_siret_or_technical_number(extract: NationalExtract, left_out: tuple[str, ...], key: str) -> None:
    read = extract.read(line(GOOD | dict.fromkeys(left_out, "")))
    assert read.structure is not None
    assert (read.structure.key, read.activity.structure) == (key, key)


def test_an_activity_may_have_no_structure(extract: NationalExtract) -> None:
    numbers = ("Numéro FINESS site", "Numéro SIRET site", "Numéro SIREN site", "Identifiant technique de la structure")
    read = extract.read(line(GOOD | dict.fromkeys(numbers, "")))
    assert (read.structure, read.activity.structure) == (None, "")


@given(st.integers(0, 2**32))
def test_columns_are_found_by_heading_in_any_order(seed: int) -> None:
    order = list(range(HEADINGS.count("|")))
    random.Random(seed).shuffle(order)
    headings, values = HEADINGS.split("|"), line(GOOD).split("|")
    shuffled = NationalExtract("|".join(headings[place] for place in order), CODES)
    assert shuffled.read("|".join(values[place] for place in order)) == NationalExtract(HEADINGS, CODES).read(line(GOOD))


@pytest.mark.parametrize("heading", REQUIRED)
def test_a_missing_column_is_named(heading: str) -> None:
    with pytest.raises(BrokenRule, match=heading):
        NationalExtract(f"|{HEADINGS}".replace(f"|{heading}|", "|Autre|", 1), CODES)


@pytest.mark.parametrize(
    ("heading", "value"),
    [
        ("Type d'identifiant PP", "0"),
        ("Identifiant PP", "99800000070"),
        ("Identification nationale PP", f"8{rpps(8)}"),
        ("Nom d'exercice", ""),
        ("Prénom d'exercice", "a\tb"),
        ("Code profession", "93"),
        ("Code profession", ""),
        ("Code catégorie professionnelle", ""),
        ("Code catégorie professionnelle", "X"),
        ("Code type savoir-faire", ""),
        ("Code savoir-faire", "SM00"),
        ("Code mode exercice", "X"),
        ("Numéro SIRET site", "1"),
        ("Numéro SIREN site", "1"),
        ("Numéro FINESS site", "990000011"),
        ("Numéro FINESS établissement juridique", "1"),
        ("Code secteur d'activité", "SA11"),
        ("Code genre activité", "GENR05"),
    ],
)
def test_a_wrong_value_refuses_its_line_by_heading(extract: NationalExtract, heading: str, value: str) -> None:
    with pytest.raises(BrokenRule) as broken:
        extract.read(line(GOOD | {heading: value}))
    assert broken.value.field == heading
    assert len(value) < 3 or value not in str(broken.value)


@pytest.mark.parametrize(
    "changes", [{"Code genre activité": "GENR04"}, {"Code genre activité": ""}, {"Code catégorie professionnelle": "E"}]
)
def test_what_is_no_care_or_a_students_is_told_and_opens_nothing(extract: NationalExtract, changes: dict[str, str]) -> None:
    assert not extract.read(line(GOOD | changes)).activity.is_care


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("01/02/2020", "", ("20200201", "")),
        ("2020-02-01", "2020-02-01", ("20200201", "20200201")),
        ("2020-02-02", "2020-02-01", None),
        ("x", "", None),
    ],
)
def test_dates_are_read_where_the_extract_has_them(begin: str, end: str, expected: tuple[str, str] | None) -> None:
    dated = NationalExtract(f"Date de fin activité|{HEADINGS}Date de début activité", CODES)
    text = f"{end}|{line(GOOD)}{begin}"
    if expected is None:
        with pytest.raises(BrokenRule, match="Date de"):
            dated.read(text)
    else:
        assert dated.read(text).activity[-2:] == expected


@given(st.text(max_size=300))
def test_any_line_is_read_or_refused(text: str) -> None:
    """S4 of files: nothing but a broken rule comes out of a bad line."""
    for wrong in (text, line(GOOD).replace("EXEMPLE", text), text.join(["8", rpps(7), f"8{rpps(7)}", "|" * 60])):
        try:
            NationalExtract(HEADINGS, CODES).read(wrong)
        except BrokenRule as broken:
            assert broken.rule  # noqa: PT017 - which rule it is depends on the text


def test_every_line_of_the_generator_is_taken(extract: NationalExtract) -> None:
    for lines in people_lines(500):
        assert len({extract.read(text).rpps for text in lines}) == 1
