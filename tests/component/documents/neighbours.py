"""Consent, identity and audit as documents sees them: small real gRPC servers behind mutual TLS, with answers a test sets."""

import asyncio
import base64
import hashlib
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from carnet.audit.v1 import audit_service_pb2 as audit_pb
from carnet.audit.v1 import audit_service_pb2_grpc as audit_grpc
from carnet.audit.v1 import event_pb2
from carnet.consent.v1 import access_decision_service_pb2 as consent_pb
from carnet.consent.v1 import access_decision_service_pb2_grpc as consent_grpc
from carnet.consent.v1 import document_notice_service_pb2 as notice_pb
from carnet.consent.v1 import document_notice_service_pb2_grpc as notice_grpc
from carnet.identity.v1 import patient_pb2 as identity_pb
from carnet.identity.v1 import patient_reference_service_pb2 as patient_pb
from carnet.identity.v1 import patient_reference_service_pb2_grpc as patient_grpc
from carnet.identity.v1 import session_service_pb2 as session_pb
from carnet.identity.v1 import session_service_pb2_grpc as session_grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from support.cda import CLARA_INS

PATIENT = "patients/clara"
USABLE_FOR = timedelta(milliseconds=400)


def allow(**terms: Any) -> consent_pb.DecideResponse:  # noqa: ANN401  # terms of a filter
    """A permit with these terms; everything when none are given."""
    document_filter = consent_pb.DocumentFilter(**(terms or {"all_types": True}))
    usable_for = Duration()
    usable_for.FromTimedelta(USABLE_FOR)
    permit = consent_pb.Permit(filter=document_filter, usable_for=usable_for)
    return consent_pb.DecideResponse(permit=permit, rule="rules.md 2", source="CSP R1111-46", patient=PATIENT)


def allow_masking() -> consent_pb.DecideResponse:
    """A permit to deposit whatever, masked by the holder's standing choice."""
    answer = allow()
    answer.permit.obligations.append(consent_pb.OBLIGATION_MASK_DEPOSIT)
    return answer


def deny(reason: int, *, is_known: bool = True) -> consent_pb.DecideResponse:
    """A denial about a record that there is, or is not."""
    denial = consent_pb.Denial(reason=reason, message="ask your patient")  # type: ignore[arg-type]
    return consent_pb.DecideResponse(denial=denial, rule="rules.md 2", consent_revision=int(is_known))


class Consent(consent_grpc.AccessDecisionServiceServicer):
    """Answers ``answers[action]``, and counts."""

    def __init__(self) -> None:
        self.answers = dict.fromkeys((1, 2, 3), allow())
        self.asked: list[consent_pb.DecideRequest] = []

    async def Decide(self, request: consent_pb.DecideRequest, context: Any) -> consent_pb.DecideResponse:  # noqa: ANN401, N802
        """Decide."""
        del context
        self.asked.append(request)
        return self.answers[request.action]


class DocumentNotices(notice_grpc.DocumentNoticeServiceServicer):
    """The part of consent that is told what was added; it may hang."""

    def __init__(self) -> None:
        self.told: list[notice_pb.AddedDocument] = []
        self.hanging: asyncio.Event | None = None

    async def TellDocumentsAdded(  # noqa: N802
        self,
        request: notice_pb.TellDocumentsAddedRequest,
        context: Any,  # noqa: ANN401
    ) -> notice_pb.TellDocumentsAddedResponse:
        """Learn."""
        del context
        if self.hanging is not None:
            await self.hanging.wait()
        self.told += request.documents
        return notice_pb.TellDocumentsAddedResponse()


class Identity(patient_grpc.PatientReferenceServiceServicer, session_grpc.SigningKeyServiceServicer):
    """Knows Clara, and the keys that tokens are signed with."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "test", "alg": "ES256", "use": "sig"})
        self.compared: list[patient_pb.MatchPatientRequest] = []
        self.status = identity_pb.IDENTITY_STATUS_QUALIFIED
        self.is_of_an_earlier_version = False
        self.former_ins = ""

    async def MatchPatient(self, request: patient_pb.MatchPatientRequest, context: Any) -> patient_pb.MatchPatientResponse:  # noqa: ANN401, N802
        """Compare."""
        del context
        self.compared.append(request)
        traits = request.traits
        is_same = (traits.birth_family_name, traits.first_given_name) == ("ESSAI", "CLARA") and request.ins.value == CLARA_INS
        differences = [] if is_same else [patient_pb.MatchPatientResponse.Difference(trait="birth_family_name", decisive=True)]
        if is_same and traits.given_names != "CLARA LUCIE":
            differences.append(patient_pb.MatchPatientResponse.Difference(trait="given_names", decisive=False))
        if request.ins.value == self.former_ins:
            differences = [patient_pb.MatchPatientResponse.Difference(trait="former_ins", decisive=True)]
        told = identity_pb.IDENTITY_STATUS_UNSPECIFIED if self.is_of_an_earlier_version else self.status
        return patient_pb.MatchPatientResponse(same_person=is_same, differences=differences, identity_status=told)

    async def GetIdentityStatus(self, request: Any, context: Any) -> patient_pb.GetIdentityStatusResponse:  # noqa: ANN401, N802
        """Tell."""
        del request, context
        return patient_pb.GetIdentityStatusResponse(identity_status=self.status)

    async def ListSigningKeys(self, request: Any, context: Any) -> session_pb.ListSigningKeysResponse:  # noqa: ANN401, N802
        """Publish."""
        del request, context
        import json  # noqa: PLC0415  # only here

        return session_pb.ListSigningKeysResponse(jwks=json.dumps(KeySet([self.key]).as_dict(private=False)))

    def token(self, thumbprint: str, **claims: Any) -> str:  # noqa: ANN401  # claims of a token
        """A user token bound to a certificate."""
        now = int(time.time())
        payload = {
            "iss": "carnet-identity",
            "aud": "carnet",
            "sub": "professionals/ines",
            "sid": "sessions/s1",
            "role": "10",
            "spec": "",
            "org": "structures/cabinet",
            "purpose": "TREATMENT",
            "act": {"sub": "spiffe://carnet/software/gp"},
            "cnf": {"x5t#S256": thumbprint},
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + 300,
        }
        return jwt.encode({"alg": "ES256", "kid": "test"}, payload | claims, self.key)


class Audit(audit_grpc.AuditServiceServicer):
    """Takes everything in and keeps the events."""

    def __init__(self) -> None:
        self.events: list[event_pb2.Event] = []
        self.changes: list[event_pb2.Event] = []
        self._next: dict[str, int] = {}

    async def RegisterStream(self, request: audit_pb.RegisterStreamRequest, context: Any) -> audit_pb.RegisterStreamResponse:  # noqa: ANN401, N802
        """Register."""
        del context
        return audit_pb.RegisterStreamResponse(next_seq=self._next.setdefault(request.stream, 0))

    async def AppendBatches(self, request: audit_pb.AppendBatchesRequest, context: Any) -> audit_pb.AppendBatchesResponse:  # noqa: ANN401, N802
        """Append."""
        del context
        for batch in request.batches:
            if batch.first_seq == self._next[request.stream]:
                self.events += [json_format.Parse(one.payload, event_pb2.Event()) for one in batch.events]
                self._next[request.stream] += len(batch.events)
        return audit_pb.AppendBatchesResponse(next_seq=self._next[request.stream])

    async def AppendChanges(self, request: audit_pb.AppendChangesRequest, context: Any) -> audit_pb.AppendChangesResponse:  # noqa: ANN401, N802
        """Append."""
        del context
        self.changes += [json_format.Parse(change.event.payload, event_pb2.Event()) for change in request.changes]
        return audit_pb.AppendChangesResponse()

    def kinds(self) -> list[str]:
        """Kinds of the events of releases and refusals, in order."""
        return [event.kind for event in self.events]


async def serve(folder: Path, *services: tuple[Any, Any]) -> tuple[grpc.aio.Server, str]:
    """A server with these (add function, servicer); its target."""
    key, cert, ca = ((folder / name).read_bytes() for name in ("key.pem", "cert.pem", "ca.pem"))
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    for add, servicer in services:
        add(servicer, server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)], ca, require_client_auth=True))
    await server.start()
    return server, f"127.0.0.1:{port}"


def thumbprint(folder: Path) -> str:
    """base64url SHA-256 of a certificate, as a token is bound to it."""
    der = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes()).public_bytes(Encoding.DER)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
