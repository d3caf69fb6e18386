"""The documents service in this process, on real stores, with its neighbours faked at the gRPC boundary; and a client of it."""

import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from carnet.common.v1.purpose_of_use_pb2 import PURPOSE_OF_USE_TREATMENT
from carnet.documents.v1 import document_entry_pb2 as entry_pb
from carnet.documents.v1 import document_lifecycle_service_pb2 as lifecycle_pb
from carnet.documents.v1 import document_lifecycle_service_pb2_grpc as lifecycle_grpc
from carnet.documents.v1 import document_query_service_pb2 as query_pb
from carnet.documents.v1 import document_query_service_pb2_grpc as query_grpc
from carnet.documents.v1 import submission_service_pb2 as submission_pb
from carnet.documents.v1 import submission_service_pb2_grpc as submission_grpc
from component.documents.neighbours import Audit, Consent, DocumentNotices, Identity, thumbprint
from google.rpc import error_details_pb2, status_pb2

RECORD = "records/clararecord"
CHUNK = 64 * 1024


@dataclass
class Neighbours:
    """The other services."""

    consent: Consent = field(default_factory=Consent)
    identity: Identity = field(default_factory=Identity)
    audit: Audit = field(default_factory=Audit)
    notices: DocumentNotices = field(default_factory=DocumentNotices)


class Client:
    """Calls the service as one software with one user."""

    def __init__(self, target: str, folder: Path, identity: Identity, **claims: Any) -> None:  # noqa: ANN401  # claims of a token
        key, cert, ca = ((folder / name).read_bytes() for name in ("key.pem", "cert.pem", "ca.pem"))
        options = [
            ("grpc.ssl_target_name_override", "documents"),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", 65_536),
        ]
        self.channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(ca, key, cert), options)
        self.metadata = [("authorization", "Bearer " + identity.token(thumbprint(folder), **claims))]
        self.submission = submission_grpc.SubmissionServiceStub(self.channel)
        self.query = query_grpc.DocumentQueryServiceStub(self.channel)
        self.lifecycle = lifecycle_grpc.DocumentLifecycleServiceStub(self.channel)

    async def submit(
        self,
        content: bytes,
        *,
        size: int | None = None,
        entry: entry_pb.DocumentEntry | None = None,
        sent: int | None = None,
        record: str = RECORD,
        **fields: Any,  # noqa: ANN401  # fields of the entry
    ) -> submission_pb.SubmitDocumentResponse:
        """Deposit; ``sent`` ends the stream after so many bytes."""
        entry = entry or entry_pb.DocumentEntry(**({"mime_type": "text/xml"} | fields))
        header = submission_pb.SubmitDocumentRequest.Header(parent=record, entry=entry, size=len(content) if size is None else size)

        async def messages() -> AsyncIterator[submission_pb.SubmitDocumentRequest]:
            yield submission_pb.SubmitDocumentRequest(header=header)
            whole = content if sent is None else content[:sent]
            for start in range(0, len(whole), CHUNK):
                yield submission_pb.SubmitDocumentRequest(chunk=whole[start : start + CHUNK])

        return await self.submission.SubmitDocument(messages(), metadata=self.metadata, timeout=20)

    def reading(self, name: str, timeout: float = 20) -> Any:  # noqa: ANN401  # the call
        """A read on its way."""
        request = query_pb.ReadDocumentRequest(name=name, purpose=PURPOSE_OF_USE_TREATMENT)
        return self.query.ReadDocument(request, metadata=self.metadata, timeout=timeout)

    async def read(self, name: str, timeout: float = 20) -> tuple[entry_pb.DocumentEntry, bytes]:  # noqa: ASYNC109  # gRPC's own
        """Entry and bytes."""
        entry, parts = entry_pb.DocumentEntry(), []
        async for message in self.reading(name, timeout):
            if message.HasField("entry"):
                entry = message.entry
            parts.append(message.chunk)
        return entry, b"".join(parts)

    async def get(self, name: str) -> entry_pb.DocumentEntry:
        """The entry."""
        request = query_pb.GetDocumentRequest(name=name, purpose=PURPOSE_OF_USE_TREATMENT)
        answer = await self.query.GetDocument(request, metadata=self.metadata, timeout=20)
        return answer.entry

    async def search(self, **criteria: Any) -> query_pb.SearchDocumentsResponse:  # noqa: ANN401  # fields of the request
        """One page."""
        asked: dict[str, Any] = {"parent": RECORD, "purpose": PURPOSE_OF_USE_TREATMENT} | criteria
        request = query_pb.SearchDocumentsRequest(**asked)
        return await self.query.SearchDocuments(request, metadata=self.metadata, timeout=20)

    async def mask(self, name: str, *, etag: str = "", request_id: str = "") -> entry_pb.DocumentEntry:
        """Mask."""
        request = lifecycle_pb.MaskDocumentRequest(request_id=request_id or str(uuid.uuid4()), name=name, etag=etag)
        return (await self.lifecycle.MaskDocument(request, metadata=self.metadata, timeout=20)).entry

    async def unmask(self, name: str, *, etag: str = "") -> entry_pb.DocumentEntry:
        """Unmask."""
        request = lifecycle_pb.UnmaskDocumentRequest(request_id=str(uuid.uuid4()), name=name, etag=etag)
        return (await self.lifecycle.UnmaskDocument(request, metadata=self.metadata, timeout=20)).entry


def told(error: grpc.aio.AioRpcError) -> tuple[str, str, str]:
    """Code, reason and text of a refusal."""
    details = error.trailing_metadata()["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(details).details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
    return error.code().name, info.reason, error.details() or ""


def names(entries: Iterable[entry_pb.DocumentEntry]) -> list[str]:
    """Names of entries."""
    return [entry.name for entry in entries]
