"""Consent and audit as identity sees them, replaced at the gRPC boundary: they note what they are told."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import grpc
from carnet.audit.v1 import audit_service_pb2 as audit_pb
from carnet.audit.v1 import audit_service_pb2_grpc as audit_grpc
from carnet.audit.v1 import event_pb2
from carnet.consent.v1 import mandate_notice_service_pb2 as mandate_pb
from carnet.consent.v1 import mandate_notice_service_pb2_grpc as mandate_grpc
from carnet.consent.v1 import person_status_service_pb2 as life_pb
from carnet.consent.v1 import person_status_service_pb2_grpc as life_grpc
from carnet.consent.v1 import withdrawal_service_pb2 as consent_pb
from carnet.consent.v1 import withdrawal_service_pb2_grpc as consent_grpc
from carnet_platform.errors import InvalidArgument
from carnet_platform.interceptors.refusals import DETAILS_KEY, details_of
from google.protobuf import json_format


class Consent(consent_grpc.WithdrawalServiceServicer, life_grpc.PersonStatusServiceServicer, mandate_grpc.MandateNoticeServiceServicer):
    """Notes withdrawals, and when each was committed; and of whom it is told that it is known anew whether she lives."""

    def __init__(self) -> None:
        self.withdrawals: dict[str, tuple[str, float]] = {}
        """Subject -> request_id and the instant of the first commit, on the monotonic clock."""
        self.is_down = False
        self.refused: set[str] = set()
        """Subjects that are refused for ever."""
        self.lives: list[str] = []
        """Of whom, each time."""
        self.told_of_mandates: list[str] = []
        """Who is to find it in the inbox, each time."""
        self.told: list[str] = []
        """The subject of each registration."""
        self.answers = threading.Event()
        """Cleared: hangs."""
        self.answers.set()

    def RegisterWithdrawal(self, request: consent_pb.RegisterWithdrawalRequest, context: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802
        """Notes one."""
        self.answers.wait(30)
        if self.is_down:
            context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        if request.subject in self.refused:
            _refuse(context)
        self.told.append(request.subject)
        self.withdrawals.setdefault(request.subject, (request.request_id, time.monotonic()))
        return consent_pb.RegisterWithdrawalResponse(position=len(self.withdrawals))

    def RefreshPersonStatus(self, request: life_pb.RefreshPersonStatusRequest, context: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802
        """Notes of whom."""
        if self.is_down:
            context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        self.lives.append(request.patient)
        return life_pb.RefreshPersonStatusResponse()

    def TellMandateChanged(self, request: mandate_pb.TellMandateChangedRequest, context: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802
        """Notes who is to be told."""
        del context
        self.told_of_mandates.append(request.patient)
        return mandate_pb.TellMandateChangedResponse()


class Audit(audit_grpc.AuditServiceServicer):
    """Notes events."""

    def __init__(self) -> None:
        self.changes: dict[tuple[str, int], event_pb2.Event] = {}
        self.events: dict[tuple[str, int], event_pb2.Event] = {}

    def RegisterStream(self, request: audit_pb.RegisterStreamRequest, context: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802
        """Knows every stream."""
        del context
        return audit_pb.RegisterStreamResponse(next_seq=self._next(request.stream))

    def AppendBatches(self, request: audit_pb.AppendBatchesRequest, context: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802
        """Notes batches."""
        del context
        for batch in request.batches:
            for number, sealed in enumerate(batch.events, batch.first_seq):
                self.events[request.stream, number] = _event(sealed)
        return audit_pb.AppendBatchesResponse(next_seq=self._next(request.stream))

    def AppendChanges(self, request: audit_pb.AppendChangesRequest, context: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802
        """Notes changes."""
        del context
        for change in request.changes:
            self.changes[change.subject, change.revision] = _event(change.event)
        return audit_pb.AppendChangesResponse()

    def _next(self, stream: str) -> int:
        return max((number + 1 for name, number in self.events if name == stream), default=0)


def _refuse(context: grpc.ServicerContext) -> None:
    refusal = InvalidArgument("INVALID_FIELD", "refused for ever", field="subject")
    context.set_trailing_metadata(((DETAILS_KEY, details_of(refusal)),))
    context.abort(refusal.code, refusal.message)


def _event(sealed: audit_pb.SealedEvent) -> event_pb2.Event:
    return json_format.Parse(sealed.payload, event_pb2.Event())


class Neighbours:
    """Both, served with mutual TLS."""

    def __init__(self, consent_certificate: Path, audit_certificate: Path) -> None:
        self.consent, self.audit = Consent(), Audit()
        self._servers = [grpc.server(ThreadPoolExecutor(4)) for _ in range(2)]
        consent_grpc.add_WithdrawalServiceServicer_to_server(self.consent, self._servers[0])
        life_grpc.add_PersonStatusServiceServicer_to_server(self.consent, self._servers[0])
        mandate_grpc.add_MandateNoticeServiceServicer_to_server(self.consent, self._servers[0])
        audit_grpc.add_AuditServiceServicer_to_server(self.audit, self._servers[1])
        folders = (consent_certificate, audit_certificate)
        self.consent_target, self.audit_target = (
            f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', _credentials(folder))}"
            for server, folder in zip(self._servers, folders, strict=True)
        )

    def __enter__(self) -> Self:
        for server in self._servers:
            server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.stop(0).wait()


def _credentials(folder: Path) -> grpc.ServerCredentials:
    pair = ((folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes())
    return grpc.ssl_server_credentials([pair], (folder / "ca.pem").read_bytes(), require_client_auth=True)
