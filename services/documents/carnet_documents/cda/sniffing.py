"""What bytes really are, against what they are declared to be.

Each accepted type has a mark at offset zero; a file that carries another's mark, a container's trailer (a ZIP behind a PDF) or, as
text, anything a sniffer recognises, is disguised. Active PDF (JavaScript, launch, embedded files, encryption) is not accepted.
"""

import re
import zlib

import puremagic

from carnet_documents.domain.rules import RuleBroken

_FIELD = "header.entry.mime_type"
_MARKS: dict[str, tuple[bytes, ...]] = {
    "application/pdf": (b"%PDF-1.", b"%PDF-2."),
    "text/rtf": (b"{\\rtf1", b"{\\rtf "),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/tiff": (b"II*\x00", b"MM\x00*"),
}
_ENDS: dict[str, tuple[bytes, ...]] = {"application/pdf": (b"%%EOF",), "text/rtf": (b"}",), "image/jpeg": (b"\xff\xd9",)}
_TAIL = 1024
_TEXT_HEAD = 4096
_ZIP_END = b"PK\x05\x06"
_MARKUP = re.compile(rb"<\s*(?:!doctype|html|script|svg|body|iframe|\?xml)|<\?php|^#!", re.IGNORECASE)
_ACTIVE_PDF = re.compile(rb"/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA|Encrypt|GoToR|GoToE|SubmitForm|ImportData)\b")
_PDF_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_OBJECT_STREAM = re.compile(rb"/ObjStm\b[^>]*>>\s*stream\r?\n")
_INFLATED = 8 * 1024 * 1024


def _disguised() -> RuleBroken:
    return RuleBroken("DOCUMENT_TYPE_DISGUISED", "the bytes are of another type than declared, or of several at once", _FIELD)


def check_type(content: bytes, mime_type: str) -> None:
    """Raise ``RuleBroken`` DOCUMENT_TYPE_DISGUISED or, for active PDF, DOCUMENT_FORMAT_NOT_ACCEPTED."""
    if mime_type == "text/plain":
        _check_text(content)
        return
    if not content.startswith(_MARKS[mime_type]):
        raise _disguised()
    tail = content[-_TAIL:]
    ends = _ENDS.get(mime_type)
    if ends and not any(end in tail for end in ends):
        raise _disguised()
    if (
        _ZIP_END in content[-66_000:]
        or _MARKUP.search(content[:_TEXT_HEAD])
        or (mime_type != "application/pdf" and b"%PDF-" in content[:_TAIL])
    ):
        raise _disguised()
    if mime_type == "application/pdf":
        _check_pdf(content)


def check_xml(content: bytes) -> None:
    """Raise ``RuleBroken`` DOCUMENT_TYPE_DISGUISED when bytes declared as XML do not begin as XML does."""
    head = content[:16].removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").replace(b"\x00", b"").lstrip()
    if not head.startswith(b"<"):
        raise _disguised()


def _check_text(content: bytes) -> None:
    head = content[:_TEXT_HEAD]
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        if any(byte < 32 and byte not in b"\t\n\r\f" for byte in set(head)):  # noqa: PLR2004  # control characters
            raise _disguised() from None
    if b"\x00" in content or _MARKUP.search(head) or any(head.startswith(marks) for marks in _MARKS.values()):
        raise _disguised()
    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return  # nothing is recognised in plain text
    if any(match.confidence >= 0.8 and match.mime_type and not match.mime_type.startswith("text/") for match in found):  # noqa: PLR2004
        raise _disguised()


def _check_pdf(content: bytes) -> None:
    if _has_action(content) or any(_has_action(part) for part in _object_streams(content)):
        raise RuleBroken("DOCUMENT_FORMAT_NOT_ACCEPTED", "the PDF carries scripts, actions, attachments or encryption", _FIELD)


def _has_action(part: bytes) -> bool:
    plain = _PDF_ESCAPE.sub(lambda match: bytes([int(match.group(1), 16)]), part) if b"#" in part else part
    return _ACTIVE_PDF.search(plain) is not None


def _object_streams(content: bytes) -> list[bytes]:
    """The inflated object streams, at most eight MiB of them: names may hide there."""
    parts: list[bytes] = []
    left = _INFLATED
    for match in _OBJECT_STREAM.finditer(content):
        if left <= 0:
            raise RuleBroken("DOCUMENT_FORMAT_NOT_ACCEPTED", "the PDF inflates to more than is looked through", _FIELD)
        try:
            parts.append(zlib.decompressobj().decompress(content[match.end() :], left))
        except zlib.error:
            continue
        left -= len(parts[-1])
    return parts
