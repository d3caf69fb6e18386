"""The log, as the shipper of ``carnet_platform`` sends to it."""

from collections.abc import Sequence
from typing import NoReturn

from carnet.audit.v1 import audit_service_pb2 as pb
from carnet.audit.v1 import audit_service_pb2_grpc as pb_grpc
from carnet_platform.changes import ShippedChange
from carnet_platform.errors import Refusal
from carnet_platform.journal import JournalBatch, SealedEvent
from carnet_platform.peers import Peer
from carnet_platform.shipping import SequenceConflictError, SequenceGapError


def _sealed(event: SealedEvent) -> pb.SealedEvent:
    return pb.SealedEvent(salt=event.salt, payload=event.payload)


def _batch(batch: JournalBatch) -> pb.Batch:
    return pb.Batch(
        first_seq=batch.first_seq,
        events=[_sealed(event) for event in batch.events],
        prev_head=batch.prev_head,
        head=batch.head,
        signature=batch.signature,
        closing=batch.closing,
    )


def _say(refusal: Refusal) -> NoReturn:
    if refusal.reason == "SEQUENCE_GAP":
        raise SequenceGapError(int(refusal.metadata.get("expected", "0"))) from None
    if refusal.reason == "SEQUENCE_CONFLICT":
        raise SequenceConflictError from None
    raise refusal


class AuditSender:
    """Implements ``carnet_platform.shipping.Sender``."""

    def __init__(self, peer: "Peer[pb_grpc.AuditServiceAsyncStub]") -> None:
        self._peer = peer

    async def register(self, stream: str, public_key: bytes) -> int:
        """Make a stream known."""
        answer = await self._peer().RegisterStream(pb.RegisterStreamRequest(stream=f"streams/{stream}", public_key=public_key))
        return int(answer.next_seq)

    async def send_batches(self, stream: str, batches: Sequence[JournalBatch]) -> int:
        """Send batches of one stream."""
        request = pb.AppendBatchesRequest(stream=f"streams/{stream}", batches=[_batch(batch) for batch in batches])
        try:
            return int((await self._peer().AppendBatches(request)).next_seq)
        except Refusal as refusal:
            _say(refusal)

    async def send_changes(self, changes: Sequence[ShippedChange]) -> None:
        """Send changes."""
        told = [pb.Change(subject=change.subject, revision=change.revision, event=_sealed(change.event)) for change in changes]
        await self._peer().AppendChanges(pb.AppendChangesRequest(changes=told))
