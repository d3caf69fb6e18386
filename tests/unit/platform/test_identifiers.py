"""Identifiers are opaque, and resource names have one form."""

import re

import pytest
from carnet_platform.errors import InvalidArgument
from carnet_platform.identifiers import check_request_id, new_id, parse_name


def test_identifiers_have_26_characters_and_do_not_repeat() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch("[a-z2-7]{26}", one) for one in made)


def test_a_name_gives_its_variable_segments() -> None:
    assert parse_name("shelves/a/books/b-2", "shelves/*/books/*", "name") == ("a", "b-2")


@pytest.mark.parametrize(
    "name", ["", "shelves/a", "shelves//books/b", "shelves/a/books/b/", "shelves/a/../books/b", "shelves/a/books/$ne", "x\n"]
)
def test_anything_else_is_refused_naming_the_field_and_the_form(name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_name(name, "shelves/*/books/*", "parent")
    assert (caught.value.field, caught.value.reason) == ("parent", "INVALID_FIELD")
    assert "shelves/*/books/*" in caught.value.message


def test_a_request_id_is_a_uuid() -> None:
    assert check_request_id("3F2504E0-4F89-11D3-9A0C-0305E82C3301") == "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    with pytest.raises(InvalidArgument):
        check_request_id("1")
