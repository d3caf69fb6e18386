"""A file of an earlier system's records about invented people, and an identity that knows them.

Every INS is of the test authority and passes its key; RPPS begin with 998, FINESS with 99, a departement that there is not.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import grpc
from carnet.common.v1 import error_reason_pb2 as reasons
from carnet.identity.v1 import import_reference_service_pb2 as pb
from carnet.identity.v1 import import_reference_service_pb2_grpc as pb_grpc
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import patient_reference_service_pb2 as reference
from carnet_dev.extracts import finess, rpps, with_key

TEST_AUTHORITY = "1.2.250.1.213.1.4.10"
HEADINGS = (
    "ins;ins_authority;opened;evidence_form;evidence_version;evidence_method;evidence_collected_by;dispatch;break_glass;masked_documents"
    ";authorisations;care_relations;blocks;attending_physician;attending_physician_confirmed;closed;closing_code"
)
NOT_QUALIFIED, DECEASED, ABROAD, NOWHERE = 9001, 9002, 9003, 9004
"""People of whom identity knows something else than of the others."""


def ins(number: int) -> str:
    """The INS of the `number`-th person: a woman born in January 1901, in a departement of the overseas form that there is not."""
    thirteen = f"20101{96}{number:06d}"
    return f"{thirteen}{97 - int(thirteen) % 97:02d}"


def doctor(number: int) -> str:
    """The IDNPS of a doctor."""
    return f"8{rpps(number)}"


def nurse(number: int) -> str:
    """The IDNPS of a nurse."""
    return doctor(500_000 + number)


def hospital(number: int) -> str:
    """The IDNST of a structure."""
    return f"1{finess(number)}"


def practice(number: int) -> str:
    """The IDNST of a structure that has no FINESS."""
    return "3" + with_key(with_key(f"99{number:06d}") + "0001")


def line(number: int, **changed: str) -> str:
    """The line of a person; what is not said otherwise is that of an ordinary open record."""
    values = {
        "ins": ins(number),
        "ins_authority": TEST_AUTHORITY,
        "opened": "2012-03-01",
        "evidence_form": "Formulaire de consentement",
        "evidence_version": "2",
        "evidence_method": "signé sur papier",
        "evidence_collected_by": doctor(1),
    }
    return ";".join((values | changed).get(heading, "") for heading in HEADINGS.split(";"))


def write(file: Path, people: int) -> Path:
    """A file of so many records: what they state differs from one to the next, and comes again every twenty."""
    kinds: list[dict[str, str]] = [{} for _ in range(20)]
    kinds[1] = {"authorisations": f"{doctor(1)}:10 2026-05-01 2027-04-30,{hospital(1)} 2026-05-01 2026-12-31"}
    kinds[2] = {"blocks": f"{doctor(2)} 2019-01-01", "authorisations": f"{doctor(3)} 2026-06-01 2027-05-31"}
    kinds[3] = {"attending_physician": f"{doctor(3)} 2018-01-01", "attending_physician_confirmed": "1", "dispatch": "0", "break_glass": "0"}
    kinds[4] = {"closed": "2024-06-30", "closing_code": "FERMETURE_DEMANDE_PATIENT"}
    kinds[5] = {"care_relations": f"{nurse(1)} 2026-09-01 2027-08-31", "break_glass": "1", "masked_documents": "1"}
    with file.open("w", encoding="utf-8") as opened:
        opened.write(HEADINGS + "\n")
        for number in range(people):
            opened.write(line(number, **kinds[number % 20]) + "\n")
    return file


class Identity(pb_grpc.ImportReferenceServiceServicer):
    """Knows every invented person under 9000, a few others, doctors and nurses, hospitals and practices; counts its calls."""

    def __init__(self) -> None:
        self.persons: Mapping[str, int] = {ins(number): number for number in (*range(9000), *range(20_000, 60_000), *self._others())}
        self.calls = 0
        self.is_down = False

    @staticmethod
    def _others() -> tuple[int, ...]:
        return NOT_QUALIFIED, DECEASED, ABROAD, NOWHERE

    def ResolveReferences(self, request: pb.ResolveReferencesRequest, context: Any) -> pb.ResolveReferencesResponse:  # noqa: ANN401, N802
        """Answers as identity does."""
        if self.is_down:
            context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        return self.answer(request)

    def answer(self, request: pb.ResolveReferencesRequest) -> pb.ResolveReferencesResponse:
        """The same without the wire."""
        self.calls += 1
        return pb.ResolveReferencesResponse(
            persons=[self._person(one) for one in request.persons],
            professionals=[_professional(number) for number in request.professionals],
            structures=[_structure(number) for number in request.structures],
        )

    def _person(self, asked: patient_pb2.Ins) -> pb.ResolveReferencesResponse.Person:
        found = pb.ResolveReferencesResponse.Person
        if asked.authority != TEST_AUTHORITY:
            return found(refusal=reasons.ERROR_REASON_INS_WRONG_ENVIRONMENT, field="authority", rule="only production takes it")
        number = self.persons.get(asked.value)
        if number is None:
            return found(refusal=reasons.ERROR_REASON_NOT_FOUND, field="value", rule="no person is registered under this INS")
        status = patient_pb2.IDENTITY_STATUS_VALIDATED if number == NOT_QUALIFIED else patient_pb2.IDENTITY_STATUS_QUALIFIED
        standing = reference.GetIdentityStatusResponse(
            identity_status=status,
            deceased=number == DECEASED,
            revision=1,
            residence_departement={ABROAD: "99", NOWHERE: ""}.get(number, "67"),
        )
        return found(patient=f"patients/p{number}", standing=standing)


def _professional(number: str) -> pb.ResolveReferencesResponse.Professional:
    is_known = number.startswith("8998")
    is_nurse = is_known and int(number[4:11]) >= 500_000
    found = pb.ResolveReferencesResponse.Professional(professional=f"professionals/{number[1:]}", professions=["60" if is_nurse else "10"])
    return found if is_known else pb.ResolveReferencesResponse.Professional()


def _structure(number: str) -> pb.ResolveReferencesResponse.Structure:
    is_known = number[1:3] == "99"
    return pb.ResolveReferencesResponse.Structure(structure=f"structures/{number}" if is_known else "")


class Answering:
    """That identity on the wire, under the certificate of a folder."""

    def __init__(self, folder: Path) -> None:
        self.identity = Identity()
        self._server = grpc.server(ThreadPoolExecutor(4))
        pb_grpc.add_ImportReferenceServiceServicer_to_server(self.identity, self._server)
        key, certificate, authority = ((folder / name).read_bytes() for name in ("key.pem", "cert.pem", "ca.pem"))
        credentials = grpc.ssl_server_credentials([(key, certificate)], authority, require_client_auth=True)
        self.target = f"127.0.0.1:{self._server.add_secure_port('127.0.0.1:0', credentials)}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()
