"""Columns by heading, days, and texts of the extracts."""

from datetime import date

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.extract_values import Columns, day, printable, seen_before
from hypothesis import given
from hypothesis import strategies as st


@given(st.permutations(["a", "b", "c", "d"]))
def test_columns_are_found_in_any_order(headings: list[str]) -> None:
    columns = Columns(headings, ("a", "b"), ("d", "e"))
    assert list(columns.values([f" value of {heading} " for heading in headings])) == ["value of a", "value of b", "value of d", ""]


def test_missing_and_doubled_headings_are_named() -> None:
    with pytest.raises(BrokenRule, match="lacks the headings b, c"):
        Columns(["a", ""], ("a", "b", "c"))
    with pytest.raises(BrokenRule, match="twice: a"):
        Columns(["a", "b", "a"], ("a",))


@pytest.mark.parametrize(("values", "is_taken"), [(["1", "2"], True), (["1", "2", ""], True), (["1"], False), (["1", "2", "3"], False)])
def test_a_line_has_a_value_for_each_heading_and_may_end_with_a_separator(values: list[str], *, is_taken: bool) -> None:
    columns = Columns(["a", "b", ""], ("a", "b"))
    if is_taken:
        assert list(columns.values(values)) == ["1", "2"]
    else:
        with pytest.raises(BrokenRule, match="as many values"):
            columns.values(values)


@given(st.dates(min_value=date(1900, 1, 1)))
def test_a_day_is_read_in_each_form(value: date) -> None:
    for form in ("%Y%m%d", "%Y-%m-%d", "%d/%m/%Y"):
        assert day(value.strftime(form), "x") == value.strftime("%Y%m%d")


@given(st.text(max_size=12))
def test_what_is_no_day_is_refused_or_read_as_one(value: str) -> None:
    try:
        read = day(value, "x")
    except BrokenRule as broken:
        assert broken.field == "x"  # noqa: PT017 - whether it is refused depends on the text
    else:
        assert value == "" or len(read) == 8


def test_a_text_is_printable_and_short() -> None:
    assert printable("Hôpital\N{NO-BREAK SPACE}Saint-Louis", "x", 40) == "Hôpital Saint-Louis"
    for wrong in ("", "\N{NO-BREAK SPACE}", "a\tb", "a\x00", "a" * 41):
        with pytest.raises(BrokenRule):
            printable(wrong, "x", 40)


def test_a_number_is_checked_once_for_many_lines() -> None:
    calls: list[str] = []

    def parse(value: str, *, field: str) -> str:
        calls.append(value)
        if value == "bad":
            raise BrokenRule(field, "no")
        return value.upper()

    read = seen_before(parse)
    assert [read("a", "x"), read("a", "y")] == ["A", "A"]
    for field in ("x", "y"):
        with pytest.raises(BrokenRule) as broken:
            read("bad", field)
        assert broken.value.field == field
    assert calls == ["a", "bad", "bad"]
