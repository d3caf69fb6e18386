"""Sends what a service recorded to audit: the Sender of the platform's shipper, over `carnet.audit.v1.AuditService`."""

from collections.abc import Sequence

from carnet.audit.v1 import audit_service_pb2 as pb
from carnet.audit.v1 import audit_service_pb2_grpc as pb_grpc
from carnet_platform.changes import ShippedChange
from carnet_platform.errors import Refusal
from carnet_platform.journal import JournalBatch, SealedEvent
from carnet_platform.peers import Peer
from carnet_platform.shipping import SequenceConflictError, SequenceGapError


class AuditSender:
    """Implements `carnet_platform.shipping.Sender`."""

    def __init__(self, audit: "Peer[pb_grpc.AuditServiceAsyncStub]") -> None:
        self._audit = audit

    async def register(self, stream: str, public_key: bytes) -> int:
        """Make a stream known; give the number audit expects next."""
        answer = await self._audit().RegisterStream(pb.RegisterStreamRequest(stream=f"streams/{stream}", public_key=public_key))
        return answer.next_seq

    async def send_batches(self, stream: str, batches: Sequence[JournalBatch]) -> int:
        """Send batches of a stream; give the number audit expects next.

        Raises:
            SequenceGapError: audit lacks earlier ones.
            SequenceConflictError: audit holds others; the writer is fenced.
            Refusal: anything else, also a gap that does not say which number is expected.
        """
        try:
            answer = await self._audit().AppendBatches(
                pb.AppendBatchesRequest(stream=f"streams/{stream}", batches=[_batch(batch) for batch in batches])
            )
        except Refusal as refusal:
            if refusal.reason == "SEQUENCE_CONFLICT":
                raise SequenceConflictError from None
            if refusal.reason == "SEQUENCE_GAP" and refusal.metadata.get("expected", "").isdigit():
                raise SequenceGapError(int(refusal.metadata["expected"])) from None
            raise
        return answer.next_seq

    async def send_changes(self, changes: Sequence[ShippedChange]) -> None:
        """Send changes."""
        await self._audit().AppendChanges(
            pb.AppendChangesRequest(
                changes=[pb.Change(subject=one.subject, revision=one.revision, event=_event(one.event)) for one in changes]
            )
        )


def _batch(batch: JournalBatch) -> pb.Batch:
    return pb.Batch(
        first_seq=batch.first_seq,
        events=[_event(event) for event in batch.events],
        prev_head=batch.prev_head,
        head=batch.head,
        signature=batch.signature,
        closing=batch.closing,
    )


def _event(event: SealedEvent) -> pb.SealedEvent:
    return pb.SealedEvent(salt=event.salt, payload=event.payload)
