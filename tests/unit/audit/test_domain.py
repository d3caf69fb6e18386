"""What audit reads of an event, how it numbers, places and counts."""

import pytest
from carnet.audit.v1.event_pb2 import Actor, Event
from carnet_audit.domain.events import MalformedEventError, RecordedEvent, number_in_views, read_event
from carnet_audit.domain.revisions import Place, place_change, run_from
from carnet_platform.canonical import canonical_json
from hypothesis import given
from hypothesis import strategies as st

VIEWS = ("patient", "representatives")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), st.integers(min_value=0, max_value=2**31 - 1))
def test_the_platforms_canonical_text_is_what_intake_accepts(text: str, count: int) -> None:
    event = Event(
        kind="document.read",
        time="2026-11-21T12:00:00Z",
        record="records/a",
        motive=text,
        count=count,
        actor=Actor(subject="professionals/b"),
    )
    assert read_event(canonical_json(event)) == RecordedEvent("document.read", "2026-11-21T12:00:00Z", "records/a", ())


@pytest.mark.parametrize(
    "payload",
    [
        b'{"kind":"a","time":"t","count":1.0e1}',
        b'{"kind":"a","kind":"b","time":"t"}',
        b'{"kind":"a","record":7,"time":"t"}',
        b'{"hidden_from":"patient","kind":"a","time":"t"}',
        b'{"kind":"\\u0061","time":"t"}',
        b'{"kind":"a","time":"t"} ',
        b"[" * 100_000,
        b'{"kind":"' + b"a" * 201 + b'","time":"t"}',
    ],
)
def test_a_text_with_two_spellings_or_wrong_values_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedEventError):
        read_event(payload)


def test_numbers_follow_in_each_view_and_hidden_takes_none() -> None:
    counts = {"patient": 4, "representatives": 2}
    assert number_in_views(RecordedEvent("k", "t", "records/a", ()), counts, VIEWS) == {"patient": 5, "representatives": 3}
    hidden = RecordedEvent("k", "t", "records/a", ("representatives",))
    assert number_in_views(hidden, counts, VIEWS) == {"patient": 5, "representatives": 0}
    assert number_in_views(RecordedEvent("k", "t", "", ()), counts, VIEWS) == {}


@given(st.permutations(range(1, 9)))
def test_revisions_in_any_order_end_contiguous(order: list[int]) -> None:
    expected, waiting = 1, set[int]()
    for revision in order:
        assert place_change(revision, expected) is (Place.NEXT if revision == expected else Place.EARLY)
        waiting.add(revision)
        expected = run_from(expected, waiting)
    assert expected == 9
    assert place_change(8, expected) is Place.KNOWN
