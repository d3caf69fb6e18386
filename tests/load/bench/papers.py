"""Clinical documents of a wanted size, with a body that does not compress and that no parser can skip."""

import base64
import random
from typing import Protocol


class Someone(Protocol):
    """Whom a document is about."""

    @property
    def ins(self) -> str: ...

    @property
    def family(self) -> str: ...

    @property
    def given(self) -> str: ...

    @property
    def birth(self) -> str: ...


def clinical_document(someone: Someone, identifier: str, size: int, chance: random.Random) -> bytes:
    """A CDA R2 report of exactly ``size`` bytes."""
    head, tail = _HEAD.format(someone=someone, identifier=identifier).encode(), _TAIL.encode()
    wanted = size - len(head) - len(tail)
    line = base64.b64encode(chance.randbytes(wanted * 3 // 4 + 3))[:wanted]
    return head + line + tail


_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<id root="1.2.250.1.999.3.{identifier}"/>
<code code="11488-4" codeSystem="2.16.840.1.113883.6.1" displayName="Compte rendu de consultation"/>
<title>Compte rendu inventé</title>
<effectiveTime value="202611010930+0100"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
<languageCode code="fr-FR"/>
<recordTarget><patientRole>
<id root="1.2.250.1.213.1.4.10" extension="{someone.ins}"/>
<patient><name><given qualifier="BR">{someone.given}</given><family qualifier="BR">{someone.family}</family></name>
<administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="{someone.birth}"/></patient>
</patientRole></recordTarget>
<author><time value="202611010930+0100"/><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="899700366240"/>
<assignedPerson><name><family>UNTEL</family><given>Alice</given></name></assignedPerson></assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization><id root="1.2.250.1.71.4.2.2" extension="1990000010"/>
<name>Cabinet</name></representedCustodianOrganization></assignedCustodian></custodian>
<legalAuthenticator><time value="202611010930+0100"/><signatureCode code="S"/><assignedEntity>
<id root="1.2.250.1.71.4.2.1" extension="899700366240"/><assignedPerson><name><family>UNTEL</family><given>Alice</given></name>
</assignedPerson></assignedEntity></legalAuthenticator>
<documentationOf><serviceEvent><effectiveTime><low value="202611010900+0100"/></effectiveTime></serviceEvent></documentationOf>
<component><structuredBody><component><section><text>"""
_TAIL = "</text></section></component></structuredBody></component></ClinicalDocument>\n"
