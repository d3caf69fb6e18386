"""The header of a CDA, of our own documents and of every real sample where they are at hand."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from carnet_documents.cda.examine import Examiner
from carnet_documents.domain.classes import TypeClasses
from carnet_documents.domain.entry import Code
from carnet_documents.domain.header import Header
from carnet_documents.domain.remarks import header_warnings
from carnet_documents.domain.rules import RuleBroken
from support.cda import CLARA_INS, Cda, non_xml_body, pdf

SAMPLES = Path(os.environ.get("SAMPLES", Path(__file__).parents[3].parent / "shared" / "samples")) / "cda"


def test_the_header_is_read_whole(examiner: Examiner) -> None:
    header = examiner.examine(Cda(replaces="1.2.250.1.999.1.0").render(), "text/xml")

    assert header is not None
    claim, patient = header.claim, header.patient
    assert (claim.unique_id, claim.type, claim.title) == (
        "1.2.250.1.999.1.1",
        Code("11488-4", "2.16.840.1.113883.6.1", "Consultation"),
        "Compte rendu de consultation",
    )
    assert claim.creation_time == datetime(2026, 3, 1, 9, 15, tzinfo=UTC)
    assert claim.service_start_time == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert claim.service_stop_time == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert [code.code for code in claim.event_codes] == ["47039-3"]
    assert (claim.confidentiality, claim.language_code, claim.replaces) == ("N", "fr-FR", "1.2.250.1.999.1.0")
    assert claim.format == Code("1.2.250.1.999.7^2026.01")
    assert [author.identifier for author in claim.authors] == ["810000000017"]
    assert claim.authors[0].institution == "Cabinet des Essais"
    assert claim.legal_authenticator is not None
    assert claim.legal_authenticator.family_name == "MODELE"
    assert (patient.ins, patient.ins_authority) == (CLARA_INS, "1.2.250.1.213.1.4.10")
    assert (patient.birth_family_name, patient.first_given_name, patient.given_names) == ("ESSAI", "CLARA", "CLARA LUCIE")
    assert (patient.birth_date, patient.sex, patient.birth_place) == ("19850612", "F", "75056")


@pytest.mark.parametrize("element", ["id", "code", "effectiveTime", "recordTarget"])
def test_a_missing_header_element_is_named(examiner: Examiner, element: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        examiner.examine(Cda(without=frozenset({element})).render(), "text/xml")

    assert refused.value.reason == "CDA_HEADER_INVALID"
    assert refused.value.field.endswith(element)


def test_what_is_not_a_clinical_document_is_refused(examiner: Examiner) -> None:
    for content in (b"<stylesheet/>", b"<ClinicalDocument/>", Cda(without=frozenset({"typeId"})).render()):
        with pytest.raises(RuleBroken) as refused:
            examiner.examine(content, "text/xml")
        assert refused.value.reason == "NOT_A_CLINICAL_DOCUMENT"


def test_a_header_with_two_different_ins_is_refused(examiner: Examiner) -> None:
    content = Cda().render().replace(b'<id root="1.2.3.4" extension="77"/>', b'<id root="1.2.250.1.213.1.4.8" extension="1"/>')

    with pytest.raises(RuleBroken) as refused:
        examiner.examine(content, "text/xml")
    assert refused.value.reason == "CDA_HEADER_INVALID"


def test_an_unknown_day_of_birth_is_written_as_zeros(examiner: Examiner) -> None:
    header = examiner.examine(Cda(birth_time="198506").render(), "text/xml")

    assert header is not None
    assert header.patient.birth_date == "19850600"


def test_a_carried_file_is_what_it_says(examiner: Examiner) -> None:
    header = examiner.examine(Cda(body=non_xml_body(pdf(), "application/pdf")).render(), "text/xml")

    assert header is not None
    assert header.body_media_type == "application/pdf"
    with pytest.raises(RuleBroken) as refused:
        examiner.examine(Cda(body=non_xml_body(b"MZ\x90\x00", "application/pdf")).render(), "text/xml")
    assert refused.value.reason == "DOCUMENT_TYPE_DISGUISED"


def test_a_number_that_fails_its_key_is_kept_with_a_warning(examiner: Examiner) -> None:
    header = examiner.examine(Cda(author_number="810000000018", ins=CLARA_INS[:-2] + "00").render(), "text/xml")

    assert header is not None
    assert [warning.code for warning in header_warnings(header)] == ["AUTHOR_IDENTIFIER_INVALID", "INS_KEY_INVALID"]


def _read(examiner: Examiner, file: Path) -> Header | None:
    try:
        return examiner.examine(file.read_bytes(), "text/xml")
    except RuleBroken as refused:
        assert refused.reason == "NOT_A_CLINICAL_DOCUMENT"  # noqa: PT017  # the one sample with another root
        return None


def test_every_sample_has_a_header(examiner: Examiner, type_classes: TypeClasses) -> None:
    """39 files, one of another root; 14 with an author's number that fails, 2 that replace."""
    files = sorted(SAMPLES.glob("*.xml"))
    if not files:
        pytest.skip(f"no sample documents in {SAMPLES}")
    headers = [_read(examiner, file) for file in files]
    whole = [header for header in headers if header is not None]

    for header in whole:
        assert header.claim.type is not None
        assert type_classes.class_of(header.claim.type.code).code
        assert header.claim.title
        assert header.claim.creation_time is not None
        assert header.patient.birth_family_name
        assert len(header.patient.birth_date) == 8
    if len(files) == 39:
        assert len(whole) == 38
        codes = [warning.code for header in whole for warning in header_warnings(header)]
        assert codes.count("AUTHOR_IDENTIFIER_INVALID") == 14
        assert sum(1 for header in whole if header.claim.replaces) == 2
