"""Levels of assurance and the floor of an issuer (eIDAS; a data file)."""

import tomllib
from importlib.resources import files

import pytest
from carnet_identity.domain.assurance import Assurance, read_floors, read_levels
from carnet_identity.domain.broken_rule import BrokenRule

LEVELS = read_levels(tomllib.loads((files("carnet_identity") / "data" / "assurance.toml").read_text(encoding="utf-8")))
FRIEND, STRICT = "https://friend.example", "https://strict.example"


def assurance() -> Assurance:
    return read_floors(LEVELS, "eidas2", {STRICT: "eidas3"})


@pytest.mark.parametrize("level", ["eidas2", "eidas3", "http://eidas.europa.eu/LoA/substantial", "http://eidas.europa.eu/LoA/high"])
def test_the_floor_and_what_is_above_are_taken(level: str) -> None:
    assert assurance().check(FRIEND, level) == level


@pytest.mark.parametrize("level", ["eidas1", "http://eidas.europa.eu/LoA/low", "eidas4", "EIDAS2", "", None, 2, ["eidas2"], {"eidas2": 1}])
def test_what_is_below_or_unknown_is_refused(level: object) -> None:
    with pytest.raises(BrokenRule):
        assurance().check(FRIEND, level)


def test_an_issuer_may_have_a_floor_of_its_own() -> None:
    assert assurance().check(STRICT, "eidas3") == "eidas3"
    with pytest.raises(BrokenRule):
        assurance().check(STRICT, "eidas2")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"levels": []},
        {"levels": ["eidas1"]},
        {"levels": [[]]},
        {"levels": [[""]]},
        {"levels": [["a"], ["a"]]},
        {"levels": [["a"]], "level": []},
    ],
)
def test_a_file_that_says_something_else_stops_the_start(document: dict[str, object]) -> None:
    with pytest.raises(BrokenRule):
        read_levels(document)


@pytest.mark.parametrize(("floor", "floors"), [("eidas9", {}), ("eidas1", {FRIEND: "none"})])
def test_a_floor_is_a_level_of_the_table(floor: str, floors: dict[str, str]) -> None:
    with pytest.raises(BrokenRule):
        read_floors(LEVELS, floor, floors)
