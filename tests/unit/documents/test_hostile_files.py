"""S7: files made to harm are refused fast, in little memory, and without a connection."""

import resource
import time
from collections.abc import Callable

import pytest
from carnet_documents.cda.examine import Examiner
from carnet_documents.cda.sniffing import check_type
from carnet_documents.cda.xml import MAX_DEPTH, MAX_TAGS, parse
from carnet_documents.domain.rules import RuleBroken
from support.cda import Cda, pdf

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
PROLOGS = {
    "plain doctype": "<!DOCTYPE ClinicalDocument>",
    "external dtd": '<!DOCTYPE ClinicalDocument SYSTEM "http://127.0.0.1:9/x.dtd">',
    "public dtd": '<!DOCTYPE ClinicalDocument PUBLIC "-//X//Y" "http://127.0.0.1:9/x.dtd">',
    "file entity": '<!DOCTYPE ClinicalDocument [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "parameter entity": '<!DOCTYPE ClinicalDocument [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]>',
    "billion laughs": f'<!DOCTYPE ClinicalDocument [<!ENTITY l0 "lol">{LAUGHS}]>',
    "quadratic blowup": f'<!DOCTYPE ClinicalDocument [<!ENTITY a "{"a" * 50_000}">]>',
    "attribute default": '<!DOCTYPE ClinicalDocument [<!ATTLIST ClinicalDocument x CDATA "y">]>',
}


def refused_quickly(work: Callable[[], object]) -> RuleBroken:
    """The refusal, told in less than a second and 64 MB."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(RuleBroken) as refused:
        work()
    assert time.perf_counter() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    return refused.value


@pytest.mark.parametrize("name", PROLOGS)
def test_a_doctype_of_any_kind_is_refused(examiner: Examiner, name: str) -> None:
    """S7."""
    content = Cda(prolog=PROLOGS[name], title="TITLE").render().replace(b"TITLE", b"&x;&l9;&a;" if "[" in PROLOGS[name] else b"t")

    assert refused_quickly(lambda: examiner.examine(content, "text/xml")).reason == "XML_REFUSED"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_doctype_in_another_encoding_is_refused(examiner: Examiner, encoding: str) -> None:
    """S7."""
    content = Cda(prolog=PROLOGS["file entity"]).render().decode().encode(encoding)

    assert refused_quickly(lambda: examiner.examine(content, "text/xml")).reason == "XML_REFUSED"


def test_xinclude_is_refused(examiner: Examiner) -> None:
    """S7."""
    body = '<component><x:include xmlns:x="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/></component>'

    assert refused_quickly(lambda: examiner.examine(Cda(body=body).render(), "text/xml")).reason == "XML_REFUSED"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 200, 300, 40_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    """S7."""
    assert refused_quickly(lambda: parse(b"<a>" * depth + b"</a>" * depth)).reason == "XML_REFUSED"
    assert refused_quickly(lambda: parse(b"<a>" * depth)).reason == "XML_REFUSED"


def test_the_depth_allowed_is_deeper_than_any_document(examiner: Examiner) -> None:
    nested = "<a>" * (MAX_DEPTH - 1) + "</a>" * (MAX_DEPTH - 1)

    assert examiner.examine(Cda(body=nested).render(), "text/xml") is not None


def test_too_much_markup_is_refused_before_it_is_parsed() -> None:
    """S7."""
    assert refused_quickly(lambda: parse(b"<a>" + b"<b/>" * MAX_TAGS + b"</a>")).reason == "XML_REFUSED"
    wide = b"<a " + b" ".join(b'x%d=""' % n for n in range(300_000)) + b"/>"
    assert refused_quickly(lambda: parse(wide)).reason == "XML_REFUSED"


@pytest.mark.parametrize(
    "content",
    [b"", b"<a", b"<a></b>", b"<a>&undeclared;</a>", b"<a>\x00</a>", b"<a/><b/>", b'<?xml version="1.0" encoding="EBCDIC-CP-US"?><a/>'],
)
def test_what_is_not_well_formed_is_refused(content: bytes) -> None:
    """S7."""
    assert refused_quickly(lambda: parse(content)).reason == "XML_REFUSED"


def test_the_refusal_does_not_quote_the_document() -> None:
    """S7, and promise 9 of the architecture."""
    refusal = refused_quickly(lambda: parse(b"<a>DUPONT&secret;</a>"))

    assert "DUPONT" not in str(refusal)
    assert "secret" not in str(refusal)
    assert refusal.__suppress_context__


DISGUISED = {
    "program as pdf": (b"MZ\x90\x00" + b"\0" * 100, "application/pdf"),
    "zip as pdf": (b"PK\x03\x04" + b"\0" * 100, "application/pdf"),
    "pdf mark not at the start": (b"GIF89a" + pdf(), "application/pdf"),
    "pdf that is also a zip": (pdf() + b"PK\x03\x04xPK\x05\x06" + b"\0" * 18 + b"%%EOF", "application/pdf"),
    "pdf that is also html": (b"%PDF-1.4\n<script>alert(1)</script>\n%%EOF", "application/pdf"),
    "html as text": (b"<!DOCTYPE html><script>alert(1)</script>", "text/plain"),
    "pdf as text": (pdf(), "text/plain"),
    "zeros as text": (b"abc\0def", "text/plain"),
    "text as rtf": (b"hello}", "text/rtf"),
    "jpeg that goes on as pdf": (b"\xff\xd8\xff\xe0" + pdf() + b"\xff\xd9", "image/jpeg"),
    "jpeg cut off": (b"\xff\xd8\xff\xe0" + b"x" * 2000, "image/jpeg"),
    "png as tiff": (b"\x89PNG\r\n\x1a\n", "image/tiff"),
    "text as xml": (b"bonjour", "text/xml"),
    "pdf as xml": (pdf(), "text/xml"),
}


@pytest.mark.parametrize("name", DISGUISED)
def test_a_disguised_file_is_refused(examiner: Examiner, name: str) -> None:
    """S7."""
    content, mime_type = DISGUISED[name]

    assert refused_quickly(lambda: examiner.examine(content, mime_type)).reason == "DOCUMENT_TYPE_DISGUISED"


@pytest.mark.parametrize(
    "inside",
    [
        "/OpenAction << /S /JavaScript /JS (app.alert(1)) >>",
        "/AA << /O << /S /Launch >> >>",
        "/Names << /EmbeddedFiles 2 0 R >>",
        "/A << /S /J#61vaScript >>",
        "/Encrypt 3 0 R",
    ],
)
def test_an_active_pdf_is_refused(examiner: Examiner, inside: str) -> None:
    """S7."""
    assert refused_quickly(lambda: examiner.examine(pdf(inside), "application/pdf")).reason == "DOCUMENT_FORMAT_NOT_ACCEPTED"


def test_a_script_in_a_compressed_object_is_refused() -> None:
    """S7."""
    import zlib  # noqa: PLC0415  # only here

    packed = zlib.compress(b"<< /S /JavaScript /JS (app.alert(1)) >>")
    content = b"%PDF-1.5\n1 0 obj\n<< /Type /ObjStm /Filter /FlateDecode >>\nstream\n" + packed + b"\nendstream\n%%EOF"

    assert refused_quickly(lambda: check_type(content, "application/pdf")).reason == "DOCUMENT_FORMAT_NOT_ACCEPTED"


def test_a_compression_bomb_in_a_pdf_is_refused() -> None:
    """S7."""
    import zlib  # noqa: PLC0415  # only here

    packed = zlib.compress(b"\0" * 30_000_000, 9)
    stream = b"1 0 obj\n<< /Type /ObjStm /Filter /FlateDecode >>\nstream\n" + packed + b"\nendstream\n"

    assert (
        refused_quickly(lambda: check_type(b"%PDF-1.5\n" + stream * 20 + b"%%EOF", "application/pdf")).reason
        == "DOCUMENT_FORMAT_NOT_ACCEPTED"
    )


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (pdf(), "application/pdf"),
        ("Bonjour, voici mes allergies : pénicilline".encode(), "text/plain"),
        ("Température élevée".encode("latin-1"), "text/plain"),
        (b"{\\rtf1 bonjour}", "text/rtf"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"x" * 100 + b"\xff\xd9", "image/jpeg"),
        (b"II*\x00\x08\x00\x00\x00" + b"\0" * 20, "image/tiff"),
    ],
)
def test_an_honest_file_is_taken(examiner: Examiner, content: bytes, mime_type: str) -> None:
    assert examiner.examine(content, mime_type) is None
