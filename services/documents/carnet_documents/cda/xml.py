"""XML from strangers: parsed without DTD, entities, network or huge trees, at a cost bounded before the parser runs.

Refused: any DOCTYPE (so no entity can be declared: no XXE, no billion laughs), what is not well formed, more markup than
``MAX_TAGS`` or ``MAX_ATTRIBUTES``, elements nested deeper than ``MAX_DEPTH``, XInclude elements, encodings but UTF-8, UTF-16,
ISO-8859-1, ISO-8859-15, Windows-1252 and ASCII. Comments and processing instructions are dropped and never followed.
"""

from lxml import etree

from carnet_documents.domain.rules import RuleBroken

MAX_TAGS = 100_000
MAX_ATTRIBUTES = 200_000
MAX_DEPTH = 64
_XINCLUDE = "http://www.w3.org/2001/XInclude"
_ENCODINGS = frozenset({"UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "US-ASCII", "ASCII", "ISO-8859-1", "ISO-8859-15", "WINDOWS-1252"})
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_INCLUDES = etree.XPath("boolean(//xi:*)", namespaces={"xi": _XINCLUDE})


def _refuse(message: str) -> RuleBroken:
    return RuleBroken("XML_REFUSED", message)


def parse(content: bytes) -> etree._Element:
    """The root element of a document. Raises ``RuleBroken`` XML_REFUSED naming the rule."""
    if content.count(b"<") > MAX_TAGS or content.count(b"=") > MAX_ATTRIBUTES:
        raise _refuse("the XML has too many elements or attributes")
    # The marks are looked for in the prolog only: further down "<!DOCTYPE" is either inside a comment or not well formed.
    prolog = content[:65_536].replace(b"\x00", b"")
    if b"<!ENTITY" in prolog:
        raise _refuse("the XML declares an entity")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
        recover=False,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        # The parser's message quotes the document: it stays here.
        raise _refuse("the XML is not well formed, or larger than a parser should take") from None
    _check_tree(root)
    return root


def _check_tree(root: etree._Element) -> None:
    info = root.getroottree().docinfo
    if info.internalDTD is not None or info.public_id or info.system_url:
        raise _refuse("the XML has a DOCTYPE")
    if (info.encoding or "UTF-8").upper() not in _ENCODINGS:
        raise _refuse("the encoding is not accepted")
    if _TOO_DEEP(root.getroottree()):
        raise _refuse(f"elements are nested deeper than {MAX_DEPTH}")
    if _INCLUDES(root):
        raise _refuse("the XML includes other files")
