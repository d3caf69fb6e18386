"""Lines in order, however many."""

from carnet_identity.storage.sorted_lines import SortedLines
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=8), max_size=40)


@given(TEXTS, st.integers(1, 7))
def test_all_are_given_in_order_again_and_again(texts: list[str], at_once: int) -> None:
    lines = SortedLines(at_once)
    try:
        for text in texts:
            lines.add(text)
        for _ in range(2):
            given_back = list(lines)
            assert given_back == sorted(given_back)
            assert set(given_back) == set(texts)
    finally:
        lines.close()
