"""The canonical text: what proto3 JSON says with sorted keys and no white space, only faster."""

import json
import timeit

import pytest
from carnet.audit.v1 import audit_service_pb2, event_pb2
from carnet_platform.canonical import canonical_json
from google.protobuf import descriptor_pb2, json_format, struct_pb2, timestamp_pb2
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

TYPICAL = event_pb2.Event(
    kind="document.read",
    time="2026-11-21T10:00:00.123456Z",
    record="records/4k3jwzv5q2m7d6x3a2bcdefghi",
    document="records/4k3jwzv5q2m7d6x3a2bcdefghi/documents/7q2m7d6x3a2bcdefghi4k3jwzv",
    document_title="Compte rendu d'hospitalisation",
    document_type="34112-3",
    actor=event_pb2.Actor(
        subject="professionals/4k3jwzv5q2m7d6x3a2bcdefghi",
        role="10",
        structure="structures/4k3jwzv5q2m7d6x3a2bcdefghi",
        software="spiffe://carnet/software/gp",
    ),
    purpose="TREATMENT",
    decision="permit",
    rule="matrix.10.34112-3",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    request_id="6f1f3a0e-9d1c-4a57-9d53-6a0f2a5b8c11",
)


def reference(message: Message) -> bytes:
    members = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_a_typical_event_reads_like_sorted_proto3_json() -> None:
    assert canonical_json(TYPICAL) == reference(TYPICAL)


@given(
    st.builds(
        event_pb2.Event,
        kind=st.text(),
        motive=st.text(),
        count=st.integers(-(2**31), 2**31 - 1),
        hidden_from=st.lists(st.text(), max_size=3),
        actor=st.builds(event_pb2.Actor, subject=st.text(), role=st.text()),
    )
)
def test_any_event_reads_like_sorted_proto3_json(event: event_pb2.Event) -> None:
    assert canonical_json(event) == reference(event)


@given(
    st.builds(
        audit_service_pb2.Batch,
        first_seq=st.integers(-(2**63), 2**63 - 1),
        head=st.binary(),
        closing=st.booleans(),
        events=st.lists(st.builds(audit_service_pb2.SealedEvent, salt=st.binary()), max_size=3),
    )
)
def test_numbers_bytes_truth_values_and_lists_of_messages_read_alike(batch: audit_service_pb2.Batch) -> None:
    assert canonical_json(batch) == reference(batch)


def test_enums_are_named_and_instants_are_rfc_3339() -> None:
    field = descriptor_pb2.FieldDescriptorProto(name="x", type=descriptor_pb2.FieldDescriptorProto.TYPE_SINT64)

    assert canonical_json(field) == b'{"name":"x","type":"TYPE_SINT64"}'


def test_default_values_are_left_out() -> None:
    assert canonical_json(event_pb2.Event(kind="", count=0)) == b"{}"


def test_the_order_of_setting_changes_nothing() -> None:
    first, second = event_pb2.Event(), event_pb2.Event()
    first.kind, first.time = "a", "b"
    second.time, second.kind = "b", "a"

    assert canonical_json(first) == canonical_json(second)


@pytest.mark.parametrize("message", [struct_pb2.Value(number_value=1.5), struct_pb2.Struct(fields={"a": struct_pb2.Value(number_value=1)})])
def test_floating_point_numbers_are_refused(message: Message) -> None:
    with pytest.raises(TypeError):
        canonical_json(message)


def test_a_well_known_type_by_itself_is_not_taken_for_an_instant() -> None:
    assert canonical_json(timestamp_pb2.Timestamp(seconds=1)) == b'{"seconds":"1"}'


def test_a_typical_event_takes_less_than_30_microseconds() -> None:
    """Best of five: the cost of the work, not of a neighbour on the same machine."""
    assert min(timeit.repeat(lambda: canonical_json(TYPICAL), number=500, repeat=5)) / 500 < 30e-6
