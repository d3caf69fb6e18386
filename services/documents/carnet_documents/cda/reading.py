"""Reading elements of the HL7 v3 name space: absent elements read as ``""`` or ``None``, never as an error."""

from lxml import etree

from carnet_documents.domain.entry import Code

_V3 = "{urn:hl7-org:v3}"
_MAX = 1024


def child(element: etree._Element, name: str) -> etree._Element | None:
    """The first child of that name."""
    return element.find(_V3 + name)


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """Every child of that name."""
    return element.findall(_V3 + name)


def path(element: etree._Element | None, *names: str) -> etree._Element | None:
    """The first descendant along these names."""
    return None if element is None else element.find("/".join(_V3 + name for name in names))


def attribute(element: etree._Element | None, name: str) -> str:
    """An attribute, stripped."""
    return "" if element is None else (element.get(name) or "").strip()[:_MAX]


def text(element: etree._Element | None) -> str:
    """All text of an element with white space folded."""
    return "" if element is None else " ".join("".join(str(part) for part in element.itertext()).split())[:_MAX]


def identifier(element: etree._Element | None) -> str:
    """An instance identifier as ``root`` or ``root^extension``; ``""`` without a root."""
    root, extension = attribute(element, "root"), attribute(element, "extension")
    return f"{root}^{extension}" if root and extension else root


def code_of(element: etree._Element | None) -> Code | None:
    """A coded value; ``None`` without a code."""
    code = attribute(element, "code")[:255]
    return Code(code, attribute(element, "codeSystem")[:255], attribute(element, "displayName")[:255]) if code else None
