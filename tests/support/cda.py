"""CDA R2 documents of our own making: a builder for tests. Everybody in them is invented."""

import base64
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

TEST_INS_AUTHORITY = "1.2.250.1.213.1.4.10"


def ins_key(body: str) -> str:
    """The two key digits of a matricule of 13 digits."""
    return f"{97 - int(body) % 97:02d}"


CLARA_INS = "2850675056001" + ins_key("2850675056001")


@dataclass(frozen=True)
class Cda:
    """A document to render; every part can be made wrong."""

    unique_id: str = "1.2.250.1.999.1.1"
    type_code: str = "11488-4"
    type_system: str = "2.16.840.1.113883.6.1"
    title: str = "Compte rendu de consultation"
    effective_time: str = "20260301101500+0100"
    ins: str = CLARA_INS
    ins_authority: str = TEST_INS_AUTHORITY
    family_name: str = "ESSAI"
    given_name: str = "CLARA"
    given_names: str = "CLARA LUCIE"
    birth_time: str = "19850612"
    sex: str = "F"
    author_number: str = "810000000017"
    replaces: str = ""
    prolog: str = '<?xml version="1.0" encoding="UTF-8"?>'
    body: str = "<component><structuredBody/></component>"
    filler: str = ""
    """Text put into a comment, to make a document larger."""
    without: frozenset[str] = field(default_factory=frozenset)
    """Elements of the root to leave out."""

    def render(self) -> bytes:
        """The document's bytes."""
        parts = {
            "typeId": '<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>',
            "templateId": '<templateId root="1.2.250.1.999.7" extension="2026.01"/>',
            "id": f'<id root="{self.unique_id}"/>',
            "code": f'<code code="{self.type_code}" codeSystem="{self.type_system}" displayName="Consultation"/>',
            "title": f"<title>{escape(self.title)}</title>",
            "effectiveTime": f'<effectiveTime value="{self.effective_time}"/>',
            "confidentialityCode": '<confidentialityCode code="N"/>',
            "languageCode": '<languageCode code="fr-FR"/>',
            "setId": f'<setId root="{self.unique_id}.0"/><versionNumber value="1"/>',
            "recordTarget": self._patient(),
            "author": self._author(),
            "custodian": '<custodian><assignedCustodian><representedCustodianOrganization><id root="1.2.250.1.71.4.2.2" '
            'extension="1750100125"/></representedCustodianOrganization></assignedCustodian></custodian>',
            "legalAuthenticator": f"<legalAuthenticator>{self._assigned('assignedEntity')}</legalAuthenticator>",
            "documentationOf": '<documentationOf><serviceEvent><code code="47039-3" codeSystem="2.16.840.1.113883.6.1"/>'
            '<effectiveTime><low value="20260301100000+0100"/><high value="20260301103000+0100"/></effectiveTime>'
            "</serviceEvent></documentationOf>",
            "relatedDocument": self._related(),
            "filler": f"<!--{self.filler}-->" if self.filler else "",
            "component": self.body,
        }
        inside = "".join(text for name, text in parts.items() if name not in self.without)
        return f'{self.prolog}<ClinicalDocument xmlns="urn:hl7-org:v3">{inside}</ClinicalDocument>'.encode()

    def _patient(self) -> str:
        number = f'<id root="{self.ins_authority}" extension="{self.ins}"/>' if self.ins else ""
        return (
            f'<recordTarget><patientRole>{number}<id root="1.2.3.4" extension="77"/><patient><name>'
            f'<family qualifier="BR">{escape(self.family_name)}</family><given>{escape(self.given_names)}</given>'
            f'<given qualifier="BR">{escape(self.given_name)}</given></name>'
            f'<administrativeGenderCode code="{self.sex}"/><birthTime value="{self.birth_time}"/>'
            "<birthplace><place><addr><county>75056</county></addr></place></birthplace></patient></patientRole></recordTarget>"
        )

    def _assigned(self, element: str) -> str:
        return (
            f'<{element}><id root="1.2.250.1.71.4.2.1" extension="{self.author_number}"/>'
            '<code code="G15_10/SM26" codeSystem="1.2.250.1.213.1.1.4.5"/><assignedPerson><name><given>Ines</given>'
            "<family>MODELE</family></name></assignedPerson><representedOrganization>"
            '<id root="1.2.250.1.71.4.2.2" extension="1750100125"/><name>Cabinet des Essais</name></representedOrganization>'
            f"</{element}>"
        )

    def _author(self) -> str:
        return f"<author>{self._assigned('assignedAuthor')}</author>"

    def _related(self) -> str:
        if not self.replaces:
            return ""
        return f'<relatedDocument typeCode="RPLC"><parentDocument><id root="{self.replaces}"/></parentDocument></relatedDocument>'


def pdf(inside: str = "") -> bytes:
    """A small PDF with ``inside`` as its only object."""
    return f"%PDF-1.4\n1 0 obj\n<< /Type /Catalog {inside} >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n".encode()


def non_xml_body(content: bytes, media_type: str) -> str:
    """The component of a CDA that carries a file."""
    text = base64.b64encode(content).decode()
    return f'<component><nonXMLBody><text mediaType="{media_type}" representation="B64">{text}</text></nonXMLBody></component>'
