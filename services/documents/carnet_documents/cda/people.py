"""The people of a CDA header: the patient (INS and traits), the authors, the legal authenticator."""

from lxml import etree

from carnet_documents.cda.reading import attribute, child, children, code_of, path, text
from carnet_documents.cda.times import birth_date
from carnet_documents.domain.entry import Author
from carnet_documents.domain.header import INS_AUTHORITIES, HeaderPatient

_MAX_AUTHORS = 50


def _qualified(name: etree._Element | None, part: str, qualifier: str) -> str:
    """The first part of a name with that qualifier; ``""`` asks for one without."""
    for element in [] if name is None else children(name, part):
        qualifiers = attribute(element, "qualifier").split()
        if (qualifier in qualifiers) if qualifier else not qualifiers:
            return text(element)
    return ""


def patient(target: etree._Element) -> HeaderPatient | None:
    """The patient of a recordTarget; ``None`` when it carries several different INS."""
    role = path(target, "patientRole")
    assert role is not None  # noqa: S101  # the caller looked
    numbers = {
        (attribute(one, "extension"), attribute(one, "root")) for one in children(role, "id") if attribute(one, "root") in INS_AUTHORITIES
    }
    if len(numbers) > 1:
        return None
    ins, authority = next(iter(numbers), ("", ""))
    person = path(role, "patient")
    name = path(person, "name")
    given = _qualified(name, "given", "")
    sex = attribute(path(person, "administrativeGenderCode"), "code")
    return HeaderPatient(
        ins=ins,
        ins_authority=authority,
        birth_family_name=_qualified(name, "family", "BR") or _qualified(name, "family", ""),
        first_given_name=_qualified(name, "given", "BR") or given.split(" ")[0],
        given_names=given,
        birth_date=birth_date(attribute(path(person, "birthTime"), "value")),
        sex=sex if sex in {"M", "F", ""} else "U",
        birth_place=text(path(person, "birthplace", "place", "addr", "county")),
        used_family_name=_qualified(name, "family", "CL") or _qualified(name, "family", "SP"),
        used_given_name=_qualified(name, "given", "CL"),
    )


def _author(assigned: etree._Element) -> Author:
    name = path(assigned, "assignedPerson", "name")
    device = path(assigned, "assignedAuthoringDevice", "softwareName")
    organisation = path(assigned, "representedOrganization")
    return Author(
        identifier=attribute(child(assigned, "id"), "extension"),
        family_name=text(path(name, "family")) or text(device),
        given_name=text(path(name, "given")),
        specialty=code_of(child(assigned, "code")),
        institution=text(path(organisation, "name")),
        institution_identifier=attribute(path(organisation, "id"), "extension"),
    )


def authors(root: etree._Element) -> tuple[Author, ...]:
    """Every author, at most fifty."""
    found = [assigned for author in children(root, "author") for assigned in children(author, "assignedAuthor")]
    return tuple(_author(assigned) for assigned in found[:_MAX_AUTHORS])


def legal_authenticator(root: etree._Element) -> Author | None:
    """Who answers for the document, if the header says so."""
    assigned = path(root, "legalAuthenticator", "assignedEntity")
    return None if assigned is None else _author(assigned)
