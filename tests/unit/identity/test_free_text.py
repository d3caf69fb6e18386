"""Words of a professional."""

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.free_text import LONGEST_TEXT, parse_text
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("text", ["Acte de décès n° 12, Bordeaux", "x", "é" * LONGEST_TEXT, "« oui »"])
def test_a_sentence_is_taken_without_the_blanks_around_it(text: str) -> None:
    assert parse_text(f"  {text}\n", field="reason") == text


@pytest.mark.parametrize("text", ["", "   ", "\n", "x" * (LONGEST_TEXT + 1), "a\nb", "a\x00b", "a\u202eb", "a\u2028b", "\ud800"])
def test_nothing_too_much_and_what_is_no_line_are_refused_by_field(text: str) -> None:
    with pytest.raises(BrokenRule) as refused:
        parse_text(text, field="reason")
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", "reason")


@given(st.text(max_size=LONGEST_TEXT + 50))
def test_what_is_taken_is_bounded_and_printable_and_taken_again_as_it_is(text: str) -> None:
    try:
        taken = parse_text(text, field="reason")
    except BrokenRule:
        return
    assert 0 < len(taken) <= LONGEST_TEXT
    assert taken.isprintable()
    assert parse_text(taken, field="reason") == taken
