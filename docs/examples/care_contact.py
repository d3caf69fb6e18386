"""A care contact on a local system: a practice signs that a patient is with its doctor, before her record is asked for the first time.

Runs after `first_document.py`, which registers the patient: `python docs/examples/care_contact.py --folder var`. Everybody in it is
invented. docs/integrate.md tells the same in words; `care_contact_token` is what a vendor copies.
"""
# ruff: noqa: INP001  # a script of the documents, not a package

import argparse
import asyncio
import sys
import time
import uuid
from pathlib import Path

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.record_service_pb2 import LookupRecordRequest, RecordAvailability
from carnet.identity.v1.patient_pb2 import Ins
from carnet.identity.v1.patient_registry_service_pb2 import LookupPatientRequest
from carnet_client import Refused, UserSession
from carnet_client.refusals import telling_refusals
from carnet_dev.demo.cast import Cast
from carnet_dev.local_run import NotRunningError
from carnet_dev.plan import Plan
from joserfc import jwt
from joserfc.jwk import ECKey

FINESS = "990000028"
"""The practice of Dr Bruno EXEMPLE."""
INS, INS_AUTHORITY = "277076322082910", "1.2.250.1.213.1.4.10"
"""The patient of `first_document.py`."""


def care_contact_token(key: ECKey, *, structure: str, professional: str, patient: str) -> str:
    """The structure's word that this patient is with this professional now: good for ten minutes, once.

    The names are those that Carnet gave: of the session (`UserSession.subject`), of the structure and of the person looked up by INS. The
    INS itself never stands in a token.
    """
    claims = {
        "iss": structure,
        "sub": patient,
        "professional": professional,
        "aud": "carnet-care-contact",
        "iat": int(time.time()),
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode({"alg": "ES256", "kid": key.thumbprint()}, claims, key, algorithms=["ES256"])


async def contact(cast: Cast, key: ECKey) -> None:
    """Take the steps. Raises ``Refused`` when one is refused that should not be."""
    bruno = await cast.member("bruno")
    session = await cast.session("bruno", "software/gp", PurposeOfUse.PURPOSE_OF_USE_TREATMENT, bruno.structure)
    patient = await person(session)
    token = care_contact_token(key, structure=bruno.structure, professional=session.subject, patient=patient)
    until = await session.present_care_contact(patient, token)
    _say(f"noted: until {until:%d/%m/%Y %H:%M} UTC her record may be opened without counting")
    with telling_refusals():
        request = LookupRecordRequest(patient=patient)
        found = await session.connection.records.LookupRecord(request, metadata=await session.metadata(), timeout=10)
    _say(f"her record: {RecordAvailability.Name(found.availability).removeprefix('RECORD_AVAILABILITY_')}")
    try:
        await session.present_care_contact(patient, token)
    except Refused as refused:
        _say(f"the same token again: refused, {refused.reason}")


async def person(session: UserSession) -> str:
    """The name that Carnet has for her."""
    request = LookupPatientRequest(ins=Ins(value=INS, authority=INS_AUTHORITY))
    with telling_refusals():
        answer = await session.connection.patients.LookupPatient(request, metadata=await session.metadata(), timeout=10)
    return str(answer.patient.name)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def _main(folder: Path, key: ECKey) -> None:
    async with Cast(folder) as cast:
        await contact(cast, key)


def main() -> int:
    """Run it: exit code 0 when every step went as the documents say."""
    parser = argparse.ArgumentParser(description="A care contact on a local system")
    parser.add_argument("--folder", type=Path, default=Path("var"), help="folder of the running system (default: var)")
    folder = parser.parse_args().folder
    try:
        key = ECKey.import_key((Plan(folder).structure_keys / f"{FINESS}.pem").read_bytes())
        asyncio.run(_main(folder, key))
    except (NotRunningError, OSError, Refused) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
