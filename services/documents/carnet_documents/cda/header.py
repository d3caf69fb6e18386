"""The header of a CDA R2 document, read from a parsed root (CI-SIS structuration minimale; domain rules 1.1, 5.5).

Refused with NOT_A_CLINICAL_DOCUMENT: another root than a CDA R2 ClinicalDocument. Refused with CDA_HEADER_INVALID, naming the
element: a missing or unreadable id, code, effectiveTime, recordTarget, or several patients. What else is missing stays empty.
"""

from datetime import datetime

from lxml import etree

from carnet_documents.cda.people import authors, legal_authenticator, patient
from carnet_documents.cda.reading import attribute, child, children, code_of, identifier, path, text
from carnet_documents.cda.times import instant
from carnet_documents.domain.entry import Claim, Code
from carnet_documents.domain.formats import CDA_MIME_TYPE
from carnet_documents.domain.header import IDNPS_AUTHORITY, Header, HeaderPatient
from carnet_documents.domain.rules import RuleBroken

_ROOT = "{urn:hl7-org:v3}ClinicalDocument"
_TYPE_ID = ("2.16.840.1.113883.1.3", "POCD_HD000040")
_MAX_TEMPLATES = 50


def _invalid(element: str, rule: str) -> RuleBroken:
    return RuleBroken("CDA_HEADER_INVALID", rule, f"ClinicalDocument/{element}")


def read_header(root: etree._Element) -> Header:
    """The header. Raises ``RuleBroken``."""
    type_id = child(root, "typeId")
    if root.tag != _ROOT or type_id is None or (attribute(type_id, "root"), attribute(type_id, "extension")) != _TYPE_ID:
        raise RuleBroken("NOT_A_CLINICAL_DOCUMENT", "the root is not a CDA R2 ClinicalDocument")
    body = path(root, "component", "nonXMLBody", "text")
    return Header(
        claim=_claim(root),
        patient=_patient(root),
        set_id=identifier(child(root, "setId")),
        version_number=attribute(child(root, "versionNumber"), "value"),
        body_media_type=attribute(body, "mediaType") if body is not None else "",
        author_numbers=tuple(
            attribute(number, "extension")
            for author in children(root, "author")
            for assigned in children(author, "assignedAuthor")
            for number in children(assigned, "id")
            if attribute(number, "root") == IDNPS_AUTHORITY
        ),
    )


def _claim(root: etree._Element) -> Claim:
    start, stop, events, practice = _services(root)
    unique_id = identifier(child(root, "id"))
    kind = code_of(child(root, "code"))
    made = instant(attribute(child(root, "effectiveTime"), "value"))
    if not unique_id or len(unique_id) > 255:  # noqa: PLR2004  # the longest uniqueId
        raise _invalid("id", "must have a root")
    if kind is None:
        raise _invalid("code", "must have a code")
    if made is None:
        raise _invalid("effectiveTime", "must be a time stamp")
    title = text(child(root, "title")) or kind.display
    if len(title) > 255:  # noqa: PLR2004  # XDS title
        raise _invalid("title", "must be at most 255 characters")
    confidentiality = attribute(child(root, "confidentialityCode"), "code") or "N"
    if confidentiality not in {"N", "R", "V"}:
        raise _invalid("confidentialityCode", "must be N, R or V")
    return Claim(
        unique_id=unique_id,
        type=kind,
        format=_format(root),
        mime_type=CDA_MIME_TYPE,
        language_code=attribute(child(root, "languageCode"), "code")[:16],
        title=title,
        authors=authors(root),
        legal_authenticator=legal_authenticator(root),
        confidentiality=confidentiality,
        facility_type=code_of(path(root, "componentOf", "encompassingEncounter", "location", "healthCareFacility", "code")),
        practice_setting=practice,
        creation_time=made,
        service_start_time=start,
        service_stop_time=stop,
        event_codes=events,
        replaces=_replaced(root),
    )


def _services(root: etree._Element) -> tuple[datetime | None, datetime | None, tuple[Code, ...], Code | None]:
    """Times of the first service event, codes of all, and the first setting it was performed in."""
    events = [event for link in children(root, "documentationOf") for event in children(link, "serviceEvent")]
    codes = tuple(code for event in events[:200] if (code := code_of(child(event, "code"))) is not None)
    practice = next((code for event in events if (code := _setting(event)) is not None), None)
    if not events:
        return None, None, codes, practice
    first = child(events[0], "effectiveTime")
    start = attribute(path(first, "low"), "value") or attribute(first, "value")
    return instant(start), instant(attribute(path(first, "high"), "value")), codes, practice


def _setting(event: etree._Element) -> Code | None:
    return code_of(path(event, "performer", "assignedEntity", "representedOrganization", "standardIndustryClassCode"))


def _replaced(root: etree._Element) -> str:
    for related in children(root, "relatedDocument"):
        if attribute(related, "typeCode") == "RPLC":
            return identifier(path(related, "parentDocument", "id"))[:255]
    return ""


def _format(root: etree._Element) -> Code | None:
    """The most specific template the document claims to follow: CI-SIS puts it last. JDV_J10 itself is not in hand."""
    templates = children(root, "templateId")[:_MAX_TEMPLATES]
    return Code(identifier(templates[-1])[:255], "", "") if templates and attribute(templates[-1], "root") else None


def _patient(root: etree._Element) -> HeaderPatient:
    targets = children(root, "recordTarget")
    if len(targets) != 1 or path(targets[0], "patientRole", "patient") is None:
        raise _invalid("recordTarget", "must name exactly one patient")
    found = patient(targets[0])
    if found is None:
        raise _invalid("recordTarget/patientRole/id", "must carry one INS, not several")
    return found
