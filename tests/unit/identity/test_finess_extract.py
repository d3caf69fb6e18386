"""The FINESS extract in its two forms."""

import pytest
from carnet_dev.extracts import FINESS_FIRST_LINE, entity_finess, finess, siret, site_lines
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.finess_extract import FinessExtract
from hypothesis import given
from hypothesis import strategies as st

LINE = next(site_lines(1))
EXPECTED = (finess(0), finess(0), entity_finess(0), siret(500_000)[:9], siret(500_000), "Hôpital inventé 0")


def test_a_site_is_read_in_the_fixed_order() -> None:
    assert FinessExtract(FINESS_FIRST_LINE).read(LINE) == EXPECTED


def test_a_site_is_read_by_heading() -> None:
    headed = FinessExtract("siret;rs;nofinessej;departement;rslongue;nofinesset")
    text = f'{siret(500_000)};CH;{entity_finess(0)};99;"Hôpital ; inventé ""0""";{finess(0)}'
    assert headed.read(text) == (*EXPECTED[:-1], 'Hôpital ; inventé "0"')
    sectioned = FinessExtract("finess;nofinesset;nofinessej;rs;rslongue;siret")
    assert sectioned.read(f"structureet;{finess(0)};;CH;;") == (finess(0), finess(0), "", "", "", "CH")


def test_the_first_line_may_be_a_site_already() -> None:
    extract = FinessExtract(LINE)
    assert extract.is_first_line_data
    assert extract.read(LINE) == EXPECTED


def test_a_line_of_another_section_is_no_site() -> None:
    assert FinessExtract(FINESS_FIRST_LINE).read("geolocalisation;990000036;1;2;x;2026-11-02") is None


def test_another_file_is_refused_by_its_headings() -> None:
    with pytest.raises(BrokenRule, match="nofinesset"):
        FinessExtract("a;b;c")


@pytest.mark.parametrize(
    ("old", "new", "heading"),
    [
        (finess(0), "990000011", "nofinesset"),
        ("CH 0", 'CH\r"0', ""),
        (entity_finess(0), "1", "nofinessej"),
        (siret(500_000), "1", "siret"),
        ("CH 0;Hôpital inventé 0", ";", "rs"),
    ],
)
def test_a_wrong_value_refuses_its_line_by_heading(old: str, new: str, heading: str) -> None:
    with pytest.raises(BrokenRule) as broken:
        FinessExtract(FINESS_FIRST_LINE).read(LINE.replace(old, new))
    assert broken.value.field == heading


@given(st.text(max_size=200))
def test_any_line_is_read_or_refused(text: str) -> None:
    for first in (FINESS_FIRST_LINE, "nofinesset;nofinessej;rs;rslongue;siret"):
        for wrong in (text, f"structureet;{text}", LINE.replace("CH 0", text)):
            try:
                FinessExtract(first).read(wrong)
            except BrokenRule as broken:
                assert broken.rule  # noqa: PT017 - which rule it is depends on the text
