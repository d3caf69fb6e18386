"""Which purposes are open to whom, by the table delivered."""

import csv
import tomllib
from importlib.resources import files

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import PROFESSIONS
from carnet_identity.domain.purposes import PurposeTable, read_purposes


@pytest.fixture
def delivered() -> PurposeTable:
    """The table of the data file."""
    return read_purposes(tomllib.loads((files("carnet_identity") / "data" / "purposes.toml").read_text()))


def is_open(table: PurposeTable, role: str, purpose: str) -> bool:
    try:
        table.check(role, purpose, is_dispatcher=True)
    except BrokenRule:
        return False
    return True


@pytest.mark.parametrize("purpose", ["BREAK_GLASS", "EMERGENCY_DISPATCH"])
def test_only_who_may_open_a_record_in_an_emergency_may_look_for_persons_in_one(delivered: PurposeTable, purpose: str) -> None:
    """rules.md 9 and 10: a search in an emergency is never refused, so it is open to the professions that consent names, and no other."""
    editions = [one for one in (files("carnet_consent") / "data").iterdir() if (one / "professions-urgence.csv").is_file()]
    edition = max(editions, key=lambda one: one.name)
    rows = csv.DictReader((edition / "professions-urgence.csv").read_text().splitlines(), delimiter=";")
    named = {row["profession"] for row in rows if row["purpose"] == purpose}
    assert {role for role in PROFESSIONS if is_open(delivered, role, purpose)} == named
    assert named


def test_every_profession_treats(delivered: PurposeTable) -> None:
    assert all(is_open(delivered, role, "TREATMENT") for role in PROFESSIONS)


def test_a_structure_and_the_insurer_write_and_never_read(delivered: PurposeTable) -> None:
    """domain.md 1.2; CSP L1111-18."""
    for role in ("STRUCTURE", "INSURER"):
        assert delivered.rows[role] == {"SYSTEM_DEPOSIT"}


@pytest.mark.parametrize("role", ["PROFESSIONAL", "DOCTOR", "", "999"])
def test_whoever_is_in_no_row_may_nothing(delivered: PurposeTable, role: str) -> None:
    assert not is_open(delivered, role, "BREAK_GLASS")


@pytest.mark.parametrize("rows", [{"DOCTOR": ["TREATMENT"]}, {"10": ["CURIOSITY"]}, {"10": "TREATMENT"}])
def test_a_misspelt_row_stops_the_start(rows: dict[str, object]) -> None:
    with pytest.raises(BrokenRule):
        read_purposes(rows)
