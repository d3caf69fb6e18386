"""Classes, formats, visibility, numbers, and what the depositor may say of a document."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from carnet_documents.domain.classes import TypeClasses
from carnet_documents.domain.description import Receipt, check_claim, describe, reconcile
from carnet_documents.domain.entry import Author, Claim, Code
from carnet_documents.domain.formats import AcceptedFormats
from carnet_documents.domain.header import Header, HeaderPatient
from carnet_documents.domain.numbers import is_author_number_valid, is_ins_valid
from carnet_documents.domain.rules import RuleBroken
from carnet_documents.domain.visibility import Visibility, check_labels, hidden_from, one_month_after
from carnet_documents.storage.metadata import decode, encode

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SAID = Claim(
    unique_id="1.2.3",
    type=Code("11488-4", "2.16"),
    mime_type="text/xml",
    title="Titre",
    authors=(Author(identifier="8"),),
    creation_time=NOON,
)
HEADER = Header(SAID, HeaderPatient())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "class;type\n1;10",
        "type;class\n",
        "type;class\n1;10\n1;11",
        "type;class\n1;99",
        "type;class\n1",
        "type;class\n<x>;10",
        "type;class\n1;10;A",
    ],
)
def test_a_broken_table_of_classes_is_refused_whole(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|no type"):
        TypeClasses.load(text)


def test_social_documents_are_syntheses(type_classes: TypeClasses) -> None:
    """rules.md 21."""
    assert type_classes.class_of("28653-4").code == "11"
    assert type_classes.class_of("34842-5").code == "11"


def test_a_type_in_no_table_is_refused(type_classes: TypeClasses) -> None:
    with pytest.raises(RuleBroken) as refused:
        type_classes.class_of("0000-0")
    assert refused.value.reason == "DOCUMENT_TYPE_UNKNOWN"


@pytest.mark.parametrize("text", ["", "mime_type;classes\ntext/xml", "mime_type;classes\ntext/xml;77", "mime_type;classes\nimage/jpeg;90"])
def test_a_broken_table_of_formats_is_refused_whole(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|missing"):
        AcceptedFormats.load(text)


def test_plain_files_are_for_the_patients_class_only(formats: AcceptedFormats) -> None:
    formats.check_class("application/pdf", "90")
    formats.check_class("text/xml", "10")
    for mime_type, class_code in (("application/pdf", "10"), ("application/zip", "90")):
        with pytest.raises(RuleBroken) as refused:
            formats.check_class(mime_type, class_code)
        assert refused.value.reason == "DOCUMENT_FORMAT_NOT_ACCEPTED"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("279035121518989", True),
        ("277076322082910", True),
        ("2 79 03 51 215 189 89", True),
        ("221042545611404", False),
        ("", False),
        ("abc", False),
    ],
)
def test_the_key_of_an_ins_is_checked(number: str, expected: bool) -> None:  # noqa: FBT001  # a table
    assert is_ins_valid(number) is expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [("899700366240", True), ("801234534765", False), ("899700366", False), ("3750100125/1453", True), ("518003502400041/x", True)],
)
def test_the_key_of_an_author_number_is_checked(number: str, expected: bool) -> None:  # noqa: FBT001  # a table
    assert is_author_number_valid(number) is expected


def test_hidden_from_patient_and_professionals_at_once_is_a_setting() -> None:
    both = [Visibility.HIDDEN_FROM_PATIENT, Visibility.MASKED_FROM_PROFESSIONALS]

    assert check_labels(both, is_of_patient=False, may_cumulate=True) == frozenset(both)
    with pytest.raises(RuleBroken) as refused:
        check_labels(both, is_of_patient=False, may_cumulate=False)
    assert refused.value.reason == "VISIBILITY_INVALID"


def test_a_patients_own_document_is_not_hidden_from_the_patient() -> None:
    with pytest.raises(RuleBroken):
        check_labels([Visibility.HIDDEN_FROM_PATIENT], is_of_patient=True, may_cumulate=True)


@pytest.mark.parametrize(
    ("deposit", "end"),
    [
        (datetime(2026, 1, 31, 9, tzinfo=UTC), datetime(2026, 2, 28, 9, tzinfo=UTC)),
        (datetime(2026, 12, 15, 9, tzinfo=UTC), datetime(2027, 1, 15, 9, tzinfo=UTC)),
        (datetime(2026, 3, 15, 9, tzinfo=UTC), datetime(2026, 4, 15, 8, tzinfo=UTC)),
        (datetime(2026, 3, 31, 22, 30, tzinfo=UTC), datetime(2026, 4, 30, 22, 30, tzinfo=UTC)),
    ],
)
def test_hiding_from_the_patient_ends_a_calendar_month_later_in_paris(deposit: datetime, end: datetime) -> None:
    """R1111-53, rules.md 14."""
    assert one_month_after(deposit) == end


def test_lines_about_a_hidden_document_are_hidden_from_the_same_people() -> None:
    assert hidden_from([Visibility.HIDDEN_FROM_PATIENT]) == ("patient", "representatives")
    assert hidden_from([Visibility.HIDDEN_FROM_REPRESENTATIVES]) == ("representatives",)
    assert hidden_from([Visibility.MASKED_FROM_PROFESSIONALS]) == ()


@pytest.mark.parametrize(
    ("claim", "field"),
    [
        (Claim(unique_id="1.2.4"), "unique_id"),
        (Claim(type=Code("11488-5")), "type"),
        (Claim(type=Code("11488-4", "9.9")), "type"),
        (Claim(title="Autre"), "title"),
        (Claim(authors=(Author(identifier="9"),)), "authors"),
        (Claim(creation_time=NOON.replace(hour=13)), "creation_time"),
        (Claim(mime_type="application/pdf"), "mime_type"),
    ],
)
def test_a_claim_that_contradicts_the_header_names_the_field(claim: Claim, field: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        reconcile(claim, HEADER)
    assert (refused.value.reason, refused.value.field) == ("ENTRY_CONTRADICTS_HEADER", f"header.entry.{field}")


def test_a_claim_the_header_is_silent_about_is_kept() -> None:
    claim = Claim(title="Titre", type=Code("11488-4"), format=Code("urn:x"), practice_setting=Code("AMBULATOIRE"), replaces="1.2.2")

    merged = reconcile(claim, HEADER)
    assert merged == replace(SAID, format=Code("urn:x"), practice_setting=Code("AMBULATOIRE"), replaces="1.2.2")


@pytest.mark.parametrize(
    "claim",
    [
        Claim(title="x" * 256),
        Claim(title="a\nb"),
        Claim(confidentiality="X"),
        Claim(type=Code("")),
        Claim(authors=(Author(),) * 51),
        Claim(event_codes=(Code("1"),) * 201),
        Claim(authors=(Author(family_name="x" * 2000),)),
    ],
)
def test_a_claim_has_bounds(claim: Claim) -> None:
    with pytest.raises(RuleBroken) as refused:
        check_claim(claim)
    assert refused.value.reason == "INVALID_FIELD"


def test_what_is_sealed_of_an_entry_is_the_entry() -> None:
    receipt = Receipt(3, "ab", NOON, "professionals/p", "2.25.1")
    full = replace(
        SAID,
        legal_authenticator=Author("1", "N", "P", Code("G15_10"), "I", "2"),
        event_codes=(Code("1"),),
        service_start_time=NOON,
        replaces="1.2",
    )
    for claim in (SAID, full):
        entry = describe(claim, Code("10"), receipt, ())
        assert decode(encode(entry)) == entry


def test_a_plain_file_needs_a_type_and_a_title() -> None:
    receipt = Receipt(3, "ab", NOON, "patients/p", "2.25.1")
    assert describe(Claim(type=Code("DOCPAT01"), title="t", mime_type="text/plain"), Code("90"), receipt, ()).unique_id == "2.25.1"
    for claim in (Claim(title="t"), Claim(type=Code("DOCPAT01"))):
        with pytest.raises(RuleBroken):
            describe(claim, Code("90"), receipt, ())
