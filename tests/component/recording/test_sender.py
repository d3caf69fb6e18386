"""The sender over mutual TLS: what reaches audit, and what its refusals mean to the shipper."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from carnet.audit.v1 import audit_service_pb2 as pb
from carnet.audit.v1 import audit_service_pb2_grpc as pb_grpc
from carnet_dev.certificates import Authority
from carnet_platform.certificates import CertificateFolder
from carnet_platform.changes import ShippedChange
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Aborted, FailedPrecondition, Refusal, Unavailable
from carnet_platform.interceptors.refusals import DETAILS_KEY, details_of
from carnet_platform.journal import JournalBatch, SealedEvent
from carnet_platform.peers import Peer
from carnet_platform.shipping import SequenceConflictError, SequenceGapError
from carnet_recording.sender import AuditSender
from component.documents.neighbours import serve

EVENT = SealedEvent(b"s" * 32, b"{}")
BATCH = JournalBatch("a", 3, (EVENT,), b"p" * 32, b"h" * 32, b"g" * 64, closing=False)


class Audit(pb_grpc.AuditServiceServicer):
    """Notes what comes, and refuses when it is told to."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.refusal: Refusal | None = None

    async def RegisterStream(self, request: pb.RegisterStreamRequest, context: Any) -> pb.RegisterStreamResponse:  # noqa: ANN401, N802
        del context
        self.requests.append(request)
        return pb.RegisterStreamResponse(next_seq=3)

    async def AppendBatches(self, request: pb.AppendBatchesRequest, context: Any) -> pb.AppendBatchesResponse:  # noqa: ANN401, N802
        self.requests.append(request)
        if self.refusal is not None:
            await context.abort(self.refusal.code, self.refusal.message, ((DETAILS_KEY, details_of(self.refusal)),))
        return pb.AppendBatchesResponse(next_seq=4)

    async def AppendChanges(self, request: pb.AppendChangesRequest, context: Any) -> pb.AppendChangesResponse:  # noqa: ANN401, N802
        del context
        self.requests.append(request)
        return pb.AppendChangesResponse()


@dataclass
class Line:
    """A sender and the audit at its other end."""

    sender: AuditSender
    audit: Audit = field(default_factory=Audit)

    async def refused(self, refusal: Refusal) -> Exception:
        """What the sender raises when audit refuses batches so."""
        self.audit.refusal = refusal
        with pytest.raises((Refusal, SequenceGapError, SequenceConflictError)) as caught:
            await self.sender.send_batches("a", [BATCH])
        return caught.value


@pytest.fixture
async def line(certificates: Authority) -> AsyncIterator[Line]:
    audit = Audit()
    server, target = await serve(certificates.folder("audit"), (pb_grpc.add_AuditServiceServicer_to_server, audit))
    peer = Peer(target, pb_grpc.AuditServiceStub, "audit", CertificateFolder(certificates.folder("consent")), SystemClock())
    yield Line(AuditSender(peer), audit)
    await peer.close()
    await server.stop(None)


async def test_streams_batches_and_changes_arrive_whole(line: Line) -> None:
    sealed = pb.SealedEvent(salt=EVENT.salt, payload=EVENT.payload)
    assert await line.sender.register("a", b"key") == 3
    assert await line.sender.send_batches("a", [BATCH]) == 4
    await line.sender.send_changes([ShippedChange("records/r", 7, EVENT)])
    batch = pb.Batch(first_seq=3, events=[sealed], prev_head=b"p" * 32, head=b"h" * 32, signature=b"g" * 64)
    assert line.audit.requests == [
        pb.RegisterStreamRequest(stream="streams/a", public_key=b"key"),
        pb.AppendBatchesRequest(stream="streams/a", batches=[batch]),
        pb.AppendChangesRequest(changes=[pb.Change(subject="records/r", revision=7, event=sealed)]),
    ]


async def test_a_gap_tells_the_number_that_audit_expects(line: Line) -> None:
    told = await line.refused(FailedPrecondition("SEQUENCE_GAP", "missing", metadata={"expected": "2"}))
    assert isinstance(told, SequenceGapError)
    assert told.expected == 2


@pytest.mark.parametrize("metadata", [{}, {"expected": ""}, {"expected": "two"}, {"expected": "-1"}])
async def test_a_gap_without_a_number_is_a_refusal_and_not_the_number_nought(line: Line, metadata: dict[str, str]) -> None:
    """Sending again from the beginning on a word that is none would be a guess."""
    told = await line.refused(FailedPrecondition("SEQUENCE_GAP", "missing", metadata=metadata))
    assert isinstance(told, FailedPrecondition)


async def test_another_content_at_a_taken_place_fences_the_writer(line: Line) -> None:
    assert isinstance(await line.refused(Aborted("SEQUENCE_CONFLICT", "another")), SequenceConflictError)


async def test_any_other_refusal_is_told_as_it_is(line: Line) -> None:
    told = await line.refused(Unavailable("DEPENDENCY_UNAVAILABLE", "down"))
    assert isinstance(told, Unavailable)
