"""What a deposit holds: its header when it is CDA, and that its bytes are what they are declared to be.

Small documents are examined in place, larger ones in a thread: parsing 100 kB takes about a millisecond, 5 MB would stop the loop.
"""

import asyncio
import base64
import binascii

from lxml import etree

from carnet_documents.cda.header import read_header
from carnet_documents.cda.reading import attribute, path
from carnet_documents.cda.sniffing import check_type, check_xml
from carnet_documents.cda.xml import parse
from carnet_documents.domain.formats import CDA_MIME_TYPE, AcceptedFormats
from carnet_documents.domain.header import Header
from carnet_documents.domain.rules import RuleBroken

INLINE_SIZE = 256 * 1024


class Examiner:
    """Examines content by the accepted formats."""

    def __init__(self, formats: AcceptedFormats) -> None:
        self._formats = formats

    async def __call__(self, content: bytes, mime_type: str) -> Header | None:
        """The header of a CDA, ``None`` for a plain file. Raises ``RuleBroken``."""
        if len(content) <= INLINE_SIZE:
            return self.examine(content, mime_type)
        return await asyncio.to_thread(self.examine, content, mime_type)

    def examine(self, content: bytes, mime_type: str) -> Header | None:
        """The same, in place."""
        self._formats.check_known(mime_type)
        if mime_type != CDA_MIME_TYPE:
            check_type(content, mime_type)
            return None
        check_xml(content)
        root = parse(content)
        header = read_header(root)
        if path(root, "component", "nonXMLBody") is not None:
            self._check_body(root, header.body_media_type)
        return header

    def _check_body(self, root: etree._Element, media_type: str) -> None:
        self._formats.check_encapsulated(media_type)
        body = path(root, "component", "nonXMLBody", "text")
        content = "" if body is None else "".join(str(part) for part in body.itertext())
        if attribute(body, "representation") != "B64":
            if media_type != "text/plain":
                raise RuleBroken("CDA_HEADER_INVALID", "must be base64", "ClinicalDocument/component/nonXMLBody/text")
            return
        try:
            decoded = base64.b64decode("".join(content.split()), validate=True)
        except (binascii.Error, ValueError):
            raise RuleBroken("CDA_HEADER_INVALID", "must be base64", "ClinicalDocument/component/nonXMLBody/text") from None
        check_type(decoded, media_type)
