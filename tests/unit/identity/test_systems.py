"""Which certificates stand for a structure, and which of them may name users."""

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.systems import System, read_systems

URI = "spiffe://carnet/software/hospital"
GOOD = {"role": "STRUCTURE", "finess": "990000036"}


def test_a_structure_names_users_where_its_row_says_so() -> None:
    assert read_systems({URI: GOOD})[URI] == System("STRUCTURE", "990000036")
    assert read_systems({URI: {**GOOD, "asserts_users": True}})[URI].asserts_users


@pytest.mark.parametrize(
    "row",
    [
        {**GOOD, "asserts_users": "yes"},
        {**GOOD, "asserts_users": 1},
        {**GOOD, "assert_users": True},
        {**GOOD, "role": "INSURER", "asserts_users": True},
        {**GOOD, "role": "10"},
        {"role": "STRUCTURE"},
        "STRUCTURE",
    ],
    ids=repr,
)
def test_a_row_that_says_something_else_stops_the_start(row: object) -> None:
    with pytest.raises(BrokenRule):
        read_systems({URI: row})
