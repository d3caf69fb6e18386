"""The channels of one piece of software: mutual TLS with its certificate, one kept channel a service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc
from carnet.audit.v1.audit_reader_service_pb2_grpc import AuditReaderServiceStub
from carnet.consent.v1.access_explanation_service_pb2_grpc import AccessExplanationServiceStub
from carnet.consent.v1.admin_service_pb2_grpc import AdminServiceStub as ConsentAdminServiceStub
from carnet.consent.v1.authorisation_service_pb2_grpc import AuthorisationServiceStub
from carnet.consent.v1.care_contact_service_pb2_grpc import CareContactServiceStub
from carnet.consent.v1.emergency_access_service_pb2_grpc import EmergencyAccessServiceStub
from carnet.consent.v1.emergency_review_service_pb2_grpc import EmergencyReviewServiceStub
from carnet.consent.v1.notice_service_pb2_grpc import NoticeServiceStub
from carnet.consent.v1.record_destruction_service_pb2_grpc import RecordDestructionServiceStub
from carnet.consent.v1.record_service_pb2_grpc import RecordServiceStub
from carnet.documents.v1.document_lifecycle_service_pb2_grpc import DocumentLifecycleServiceStub
from carnet.documents.v1.document_query_service_pb2_grpc import DocumentQueryServiceStub
from carnet.documents.v1.submission_service_pb2_grpc import SubmissionServiceStub
from carnet.identity.v1.admin_service_pb2_grpc import AdminServiceStub
from carnet.identity.v1.contact_channel_service_pb2_grpc import ContactChannelServiceStub
from carnet.identity.v1.directory_service_pb2_grpc import DirectoryServiceStub
from carnet.identity.v1.mandate_service_pb2_grpc import MandateServiceStub
from carnet.identity.v1.patient_registry_service_pb2_grpc import PatientRegistryServiceStub
from carnet.identity.v1.patient_search_service_pb2_grpc import PatientSearchServiceStub
from carnet.identity.v1.session_service_pb2_grpc import SessionServiceStub

RETRIES = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}


@dataclass(frozen=True)
class Targets:
    """Where the services are: ``host:port`` or ``dns:///name:port`` each."""

    identity: str
    consent: str
    documents: str
    audit: str


class Connection:
    """Typed stubs of every service a piece of software may call, over channels that live as long as this object."""

    def __init__(self, targets: Targets, certificate_folder: Path, *, server_names: Mapping[str, str] | None = None) -> None:
        """Open channels (lazily) with key.pem, cert.pem and ca.pem of ``certificate_folder``.

        ``server_names`` overrides the DNS name expected of a service's certificate, for targets reached by address.
        """
        key, certificate, authority = ((certificate_folder / name).read_bytes() for name in ("key.pem", "cert.pem", "ca.pem"))
        self._credentials = grpc.ssl_channel_credentials(authority, key, certificate)
        self._names = server_names or {}
        self._channels = {name: self._open(name, target) for name, target in vars(targets).items()}
        identity, consent = self._channels["identity"], self._channels["consent"]
        documents, audit = self._channels["documents"], self._channels["audit"]
        self.sessions = SessionServiceStub(identity)
        self.patients = PatientRegistryServiceStub(identity)
        self.search = PatientSearchServiceStub(identity)
        self.directory = DirectoryServiceStub(identity)
        self.contact_channels = ContactChannelServiceStub(identity)
        self.mandates = MandateServiceStub(identity)
        self.identity_admin = AdminServiceStub(identity)
        self.records = RecordServiceStub(consent)
        self.authorisations = AuthorisationServiceStub(consent)
        self.explanations = AccessExplanationServiceStub(consent)
        self.care_contacts = CareContactServiceStub(consent)
        self.emergency = EmergencyAccessServiceStub(consent)
        self.emergency_reviews = EmergencyReviewServiceStub(consent)
        self.notices = NoticeServiceStub(consent)
        self.destructions = RecordDestructionServiceStub(consent)
        self.consent_admin = ConsentAdminServiceStub(consent)
        self.submission = SubmissionServiceStub(documents)
        self.documents = DocumentQueryServiceStub(documents)
        self.lifecycle = DocumentLifecycleServiceStub(documents)
        self.history = AuditReaderServiceStub(audit)

    def _open(self, name: str, target: str) -> grpc.aio.Channel:
        options: list[tuple[str, Any]] = [
            ("grpc.service_config", json.dumps(RETRIES)),
            ("grpc.use_local_subchannel_pool", 1),
            # A fixed small window, so that a withdrawal ends what is still to come within a few messages.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", 65_536),
            # A service that comes back is found within two seconds, also after a long absence.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            # And its name is asked for again after a second, not after the default of thirty, in which pods may have been replaced.
            ("grpc.dns_min_time_between_resolutions_ms", 1_000),
        ]
        if name in self._names:
            options.append(("grpc.ssl_target_name_override", self._names[name]))
        return grpc.aio.secure_channel(target, self._credentials, options)

    async def close(self) -> None:
        """Close every channel."""
        for channel in self._channels.values():
            await channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
