"""What is asked badly of an explanation is refused by its field, before anything is read."""

import pytest
from carnet.consent.v1 import access_explanation_service_pb2 as pb
from carnet_consent.api import explaining
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.filter import DocumentFacts
from carnet_platform.errors import InvalidArgument

NURSE = pb.Reader(name="professionals/nurse", role="60", structure="structures/s", purpose="PURPOSE_OF_USE_TREATMENT")  # type: ignore[arg-type]
RESULT = pb.DocumentFacts(name="records/r/documents/d", document_class="10", document_type="11502-2", visibilities=["MASQUE_PS"])


def changed(reader: pb.Reader, **changes: object) -> pb.Reader:
    """The reader with some fields changed."""
    copy = pb.Reader()
    copy.CopyFrom(reader)
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "patients/x"}, "reader.name"),
        ({"name": ""}, "reader.name"),
        ({"purpose": 0}, "reader.purpose"),
        ({"purpose": 99}, "reader.purpose"),
        ({"structure": "hospital"}, "reader.structure"),
        ({"role": "6" * 65}, "reader.role"),
        ({"role": "6\n0"}, "reader.role"),
    ],
)
def test_a_reader_described_badly(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        explaining.reader(changed(NURSE, **changes))
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", field)


def test_a_reader_is_an_asker_and_a_structure_has_the_role_of_one() -> None:
    assert explaining.reader(NURSE) == Asker("professionals/nurse", "60", "structures/s", "TREATMENT")
    assert explaining.reader(changed(NURSE, name="structures/s", role="")).role == "STRUCTURE"


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (pb.DocumentFacts(document_type="11502-2"), "document.document_class"),
        (pb.DocumentFacts(document_class="10"), "document.document_type"),
        (pb.DocumentFacts(name="records/other/documents/d", document_class="10", document_type="1"), "document.name"),
        (pb.DocumentFacts(depositor="x", document_class="10", document_type="1"), "document.depositor"),
        (pb.DocumentFacts(structure="x", document_class="10", document_type="1"), "document.structure"),
        (pb.DocumentFacts(visibilities=["x"] * 17, document_class="10", document_type="1"), "document.visibilities"),
        (pb.DocumentFacts(visibilities=[""], document_class="10", document_type="1"), "document.visibilities"),
    ],
)
def test_a_document_described_badly(document: pb.DocumentFacts, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        explaining.document(document, "records/r", "document")
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", field)


def test_a_document_is_told_by_its_facts() -> None:
    assert explaining.document(RESULT, "records/r", "document") == DocumentFacts("records/r/documents/d", "10", "11502-2", ("MASQUE_PS",))
