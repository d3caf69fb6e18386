"""The departement of a commune."""

import pytest
from carnet_identity.domain.departement import departement


@pytest.mark.parametrize(
    ("commune", "expected"), [("67482", "67"), ("2A004", "2A"), ("97105", "971"), ("98818", "988"), ("99109", "99"), ("", "")]
)
def test_a_departement_is_the_beginning_of_its_communes_codes(commune: str, expected: str) -> None:
    assert departement(commune) == expected
