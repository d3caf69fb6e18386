"""The documents of the story: those of a folder, or a small set of our own making where there is none.

Our own are CDA R2 of level 1 with a text body, about the invented patient, one of another patient, one that is no clinical document and
one that only the insurer may deposit, so that every outcome of the second chapter happens.
"""

from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path("../shared/samples/cda")
"""Where the sample documents that the Agence du numérique en santé publishes may lie, seen from the root of the repository."""
INSURER_TYPE = "REMB"
_LOINC, _COMPLEMENT = "2.16.840.1.113883.6.1", "1.2.250.1.213.1.1.4.12"
_HER = ("279035121518989", "PAT-TROIS", "DOMINIQUE", "19790328", "F")
_OTHER = ("277076322082910", "PAT-ESSAI", "CLAUDE", "19770714", "F")


@dataclass(frozen=True)
class Paper:
    """A document to deposit: its file name and bytes."""

    name: str
    content: bytes


def papers(folder: Path | None) -> tuple[str, list[Paper]]:
    """Where the documents come from, and the documents, by name."""
    if folder is not None and folder.is_dir():
        found = [Paper(file.name, file.read_bytes()) for file in sorted(folder.glob("*.xml"))]
        if found:
            return str(folder), found
    return "our own small set", _own()


def paper_about(patient: tuple[str, str, str, str, str], number: int, code: str, title: str, text: str) -> Paper:
    """A document of our own making about somebody: INS, birth name, given name, birth date, sex."""
    return Paper(f"{number}.xml", _cda(number, code, title, text, patient))


def _own() -> list[Paper]:
    kinds = [
        ("synthesis", "60591-5", "Synthèse médicale", "Aucun antécédent inventé n'est vrai."),
        ("oncology", "34794-8", "Fiche RCP, oncologie", "Avis inventé d'une réunion inventée."),
        ("biology-1", "11502-2", "Compte rendu de biologie", "Glycémie inventée."),
        ("biology-2", "11502-2", "Compte rendu de biologie", "TSH inventée."),
        ("prescription", "57833-6", "Prescription de produits de santé", "Rien, une fois par jour."),
        ("imaging", "18748-4", "Compte rendu d'imagerie", "Rien à signaler, nulle part."),
        ("discharge", "11490-0", "Lettre de liaison à la sortie", "Sortie d'un séjour qui n'a pas eu lieu."),
    ]
    made = [Paper(f"{name}.xml", _cda(number, code, title, text, _HER)) for number, (name, code, title, text) in enumerate(kinds, 1)]
    made.append(Paper("another-patient.xml", _cda(91, "11488-4", "Compte rendu de consultation", "D'une autre personne.", _OTHER)))
    made.append(Paper("reimbursement.xml", _cda(92, INSURER_TYPE, "Données de remboursement", "Zéro euro.", _HER)))
    made.append(
        Paper("not-clinical.xml", b'<?xml version="1.0" encoding="UTF-8"?>\n<letter xmlns="urn:example:letter">Bonjour.</letter>\n')
    )
    return sorted(made, key=lambda paper: paper.name)


def _cda(number: int, code: str, title: str, text: str, patient: tuple[str, str, str, str, str]) -> bytes:
    ins, family, given, birth, sex = patient
    system = _COMPLEMENT if code == INSURER_TYPE else _LOINC
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <realmCode code="FR"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="1.2.250.1.213.1.1.1.1"/>
  <id root="1.2.250.1.999.1.{number}"/>
  <code code="{code}" codeSystem="{system}" displayName="{title}"/>
  <title>{title}</title>
  <effectiveTime value="202611{number % 20 + 1:02d}0930+0100"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="fr-FR"/>
  <setId root="1.2.250.1.999.2.{number}"/>
  <versionNumber value="1"/>
  <recordTarget><patientRole>
    <id root="1.2.250.1.213.1.4.10" extension="{ins}"/>
    <patient>
      <name><given>{given}</given><given qualifier="BR">{given}</given><family qualifier="BR">{family}</family></name>
      <administrativeGenderCode code="{sex}" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="{birth}"/>
    </patient>
  </patientRole></recordTarget>
  <author><time value="202611010930+0100"/><assignedAuthor>
    <id root="1.2.250.1.71.4.2.1" extension="899700366240"/>
    <code code="G15_10/SM26" codeSystem="1.2.250.1.213.1.1.4.5" displayName="Médecin - médecine générale (SM)"/>
    <assignedPerson><name><family>UNTEL</family><given>Alice</given></name></assignedPerson>
    <representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1990000010"/><name>Cabinet du docteur Untel</name>
    </representedOrganization>
  </assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="1.2.250.1.71.4.2.2" extension="1990000010"/><name>Cabinet du docteur Untel</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <legalAuthenticator><time value="202611010930+0100"/><signatureCode code="S"/><assignedEntity>
    <id root="1.2.250.1.71.4.2.1" extension="899700366240"/>
    <assignedPerson><name><family>UNTEL</family><given>Alice</given></name></assignedPerson>
  </assignedEntity></legalAuthenticator>
  <documentationOf><serviceEvent>
    <effectiveTime><low value="202611010900+0100"/></effectiveTime>
    <performer typeCode="PRF"><assignedEntity>
      <id root="1.2.250.1.71.4.2.1" extension="899700366240"/>
      <representedOrganization>
        <standardIndustryClassCode code="AMBULATOIRE" codeSystem="1.2.250.1.213.1.1.4.9" displayName="Ambulatoire"/>
      </representedOrganization>
    </assignedEntity></performer>
  </serviceEvent></documentationOf>
  <componentOf><encompassingEncounter><effectiveTime><low value="202611010900+0100"/></effectiveTime>
    <location><healthCareFacility><code code="SA07" codeSystem="1.2.250.1.71.4.2.4" displayName="Cabinet individuel"/></healthCareFacility>
    </location></encompassingEncounter></componentOf>
  <component><structuredBody><component><section>
    <title>{title}</title><text>{text}</text>
  </section></component></structuredBody></component>
</ClinicalDocument>
""".encode()
