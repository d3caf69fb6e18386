"""The first document of a practice's software, in and out: certificate, session, patient, record, deposit, reading.

Runs against a local system (`make run`): `python docs/examples/first_document.py --folder var`. Everybody in it is invented.
docs/integrate.md tells the same steps in words, by the same numbers.
"""
# ruff: noqa: INP001  # a script of the documents, not a package

import argparse
import asyncio
import base64
import hashlib
import json
import secrets
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import httpx
from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.record_pb2 import ConsentEvidence
from carnet.consent.v1.record_service_pb2 import LookupRecordRequest, OpenRecordRequest, RecordAvailability
from carnet.identity.v1.directory_service_pb2 import LookupProfessionalRequest, LookupStructureRequest
from carnet.identity.v1.patient_pb2 import IdentityEvidence, IdentityPaper, IdentityStatus, Ins, Sex, Traits
from carnet.identity.v1.patient_registry_service_pb2 import RegisterPatientRequest
from carnet_client import Connection, LoggedIn, Refused, Targets, UserSession, request_id
from carnet_client.refusals import telling_refusals
from google.protobuf.timestamp_pb2 import Timestamp

RPPS, FINESS = "99700366240", "990000010"
"""Dr Alice UNTEL and her practice, in the directory of a local system."""
INS, INS_AUTHORITY = "277076322082910", "1.2.250.1.213.1.4.10"
"""A test number, and the assigning authority of test numbers."""


@dataclass(frozen=True)
class Site:
    """Where Carnet is, and what it knows this software by."""

    targets: Targets
    certificates: Path
    """Folder with key.pem, cert.pem and ca.pem, as the operator gave them."""
    issuer: str
    """The identity provider."""

    @classmethod
    def local(cls, folder: Path) -> "Site":
        """The system that `make run` started with its data in ``folder``."""
        state = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return cls(Targets(**state["targets"]), folder / "certificates/software/gp", state["issuer"])


async def first_document(site: Site) -> None:
    """Take the steps. Raises ``Refused`` when one is refused."""
    async with Connection(site.targets, site.certificates) as connection:  # 1
        professional, structure = await look_up(connection)
        _say(f"2. {professional} works for {structure}")
        session = await UserSession.of_assertion(  # 3
            connection, lambda: assertion(site.issuer), PurposeOfUse.PURPOSE_OF_USE_TREATMENT, structure
        )
        _say(f"3. logged in as {session.subject}")
        patient = await register(session)
        _say(f"4. {patient} is registered")
        record = await record_of(session, patient)
        _say(f"5. {record} is open, with her consent")
        content = report(f"2.25.{uuid.uuid4().int}")
        deposit = await session.deposit(record, content)  # 6
        _say(f"6. deposited {deposit.entry.name}, warnings: {deposit.warnings or 'none'}")
        again = await session.deposit(record, content)
        _say(f"   the same again: {'the first answer' if again.already_deposited else 'a second document'}")
        found = await session.search(record)  # 7
        read = await session.read(deposit.entry.name)
        _say(f"7. {len(found)} in the record; read back {'byte for byte' if read.content == content else 'OTHER BYTES'}")
        await refused_deposit(session, record)  # 8


async def look_up(connection: Connection) -> tuple[str, str]:
    """2. The names that Carnet has for the doctor and her practice."""
    with telling_refusals():
        found = await connection.directory.LookupProfessional(LookupProfessionalRequest(rpps=RPPS), timeout=10)
        at = await connection.directory.LookupStructure(LookupStructureRequest(finess=FINESS), timeout=10)
    return found.professional.name, at.structure.name


async def assertion(issuer: str) -> LoggedIn:
    """3. The doctor logs in at the identity provider: OpenID Connect's authorization code flow, with PKCE and a nonce."""
    verifier, nonce, redirect = secrets.token_urlsafe(48), secrets.token_urlsafe(16), "http://127.0.0.1/logged-in"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    login = {"response_type": "code", "client_id": "carnet", "redirect_uri": redirect, "scope": "openid", "nonce": nonce}
    async with httpx.AsyncClient() as http:
        known = (await http.get(f"{issuer}/.well-known/openid-configuration")).json()
        # Here your software opens the doctor's browser at this address. At a real provider she logs in; on a local run a click is enough,
        # and this script clicks for her. Her browser comes back to `redirect` with the code.
        asked = {**login, "code_challenge": challenge, "code_challenge_method": "S256"}
        back = await http.post(known["authorization_endpoint"], params=asked, data={"user": "alice"})
        code = httpx.URL(back.headers["location"]).params["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "client_id": "carnet"}
        answer = await http.post(known["token_endpoint"], data={**form, "code_verifier": verifier})
    answer.raise_for_status()
    return LoggedIn(answer.json()["id_token"], nonce)


async def register(session: UserSession) -> str:
    """4. The patient, by her INS and the traits that INSi gave, and the paper seen; the same again gets the same patient."""
    now = Timestamp()
    now.GetCurrentTime()
    request = RegisterPatientRequest(
        request_id=request_id(),
        ins=Ins(value=INS, authority=INS_AUTHORITY),
        traits=Traits(
            birth_family_name="PAT-ESSAI",
            first_given_name="CLAUDE",
            given_names="CLAUDE",
            birth_date="19770714",
            sex=Sex.SEX_FEMALE,
            birth_place="63220",
        ),
        identity_status=IdentityStatus.IDENTITY_STATUS_QUALIFIED,
        identity_evidence=IdentityEvidence(insi_call_time=now, paper=IdentityPaper.IDENTITY_PAPER_NATIONAL_CARD, paper_check_time=now),
    )
    with telling_refusals():
        answer = await session.connection.patients.RegisterPatient(request, metadata=await session.metadata(), timeout=10)
    return answer.patient.name


async def record_of(session: UserSession, patient: str) -> str:
    """5. Her record: the one she has, or one opened now at her request. Who opens it is authorised by it."""
    records = session.connection.records
    with telling_refusals():
        found = await records.LookupRecord(LookupRecordRequest(patient=patient), metadata=await session.metadata(), timeout=10)
        if found.availability == RecordAvailability.RECORD_AVAILABILITY_AUTHORISED:
            return found.record
        evidence = ConsentEvidence(form="form", form_version="v3", method="signed on screen")
        request = OpenRecordRequest(request_id=request_id(), patient=patient, evidence=evidence)
        opened = await records.OpenRecord(request, metadata=await session.metadata(), timeout=10)
    return opened.record.name


async def refused_deposit(session: UserSession, record: str) -> None:
    """8. What a refusal looks like: a document of somebody else."""
    try:
        await session.deposit(record, report(f"2.25.{uuid.uuid4().int}", family_name="AUTRE"))
    except Refused as refused:
        _say(f"8. refused as it should be: {refused.code.name} {refused.reason}: {refused.message}")
    else:
        _say("8. NOT REFUSED")


def report(unique_id: str, family_name: str = "PAT-ESSAI") -> bytes:
    """A consultation report as CDA R2; its header says whose it is, what it is and who wrote it."""
    doctor = (
        f'<id root="1.2.250.1.71.4.2.1" extension="8{RPPS}"/><code code="G15_10/SM26" codeSystem="1.2.250.1.213.1.1.4.5"/>'
        "<assignedPerson><name><given>Alice</given><family>UNTEL</family></name></assignedPerson>"
        f'<representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1{FINESS}"/><name>Cabinet du docteur Untel</name>'
        "</representedOrganization>"
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="1.2.250.1.213.1.1.1.1"/>
  <id root="{unique_id}"/>
  <code code="11488-4" codeSystem="2.16.840.1.113883.6.1" displayName="Compte rendu de consultation"/>
  <title>Compte rendu de consultation</title>
  <effectiveTime value="20261102093000+0100"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="fr-FR"/>
  <recordTarget><patientRole>
    <id root="{INS_AUTHORITY}" extension="{INS}"/>
    <patient>
      <name><given>CLAUDE</given><given qualifier="BR">CLAUDE</given><family qualifier="BR">{family_name}</family></name>
      <administrativeGenderCode code="F"/><birthTime value="19770714"/>
    </patient>
  </patientRole></recordTarget>
  <author><time value="20261102093000+0100"/><assignedAuthor>{doctor}</assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="1.2.250.1.71.4.2.2" extension="1{FINESS}"/>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <legalAuthenticator><time value="20261102093000+0100"/><assignedEntity>{doctor}</assignedEntity></legalAuthenticator>
  <documentationOf><serviceEvent><effectiveTime><low value="20261102090000+0100"/></effectiveTime></serviceEvent></documentationOf>
  <component><structuredBody><component><section><text>Tout va bien.</text></section></component></structuredBody></component>
</ClinicalDocument>
""".encode()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> int:
    """Run the steps; exit code 1, and why, when one was refused."""
    parser = argparse.ArgumentParser(description="The first document, in and out, on a local system")
    parser.add_argument("--folder", type=Path, default=Path("var"), help="folder of the running system (default: var)")
    site = Site.local(parser.parse_args().folder)
    try:
        asyncio.run(first_document(site))
    except Refused as refused:
        _say(f"{refused.code.name} {refused.reason}: {refused.message} (field {refused.field or 'none'}, call {refused.request_id})")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
