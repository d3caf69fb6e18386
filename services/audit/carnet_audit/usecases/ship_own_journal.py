"""How this service's own journal reaches the log: through the same intake as everybody's, without the network between.

There is no second path into the log: the batches are signed, chained, checked and stored as those of any service.
"""

from collections.abc import Sequence

from carnet_platform.changes import ShippedChange
from carnet_platform.errors import Aborted, FailedPrecondition
from carnet_platform.journal import JournalBatch
from carnet_platform.shipping import SequenceConflictError, SequenceGapError

from carnet_audit.usecases.take_in import NEXT_SEQ, TakeIn


class LocalSender:
    """A Sender over this process's intake."""

    def __init__(self, intake: TakeIn, service: str) -> None:
        self._intake, self._service = intake, service

    async def register(self, stream: str, public_key: bytes) -> int:
        """Make a stream known."""
        return await self._intake.register(self._service, stream, public_key)

    async def send_batches(self, stream: str, batches: Sequence[JournalBatch]) -> int:
        """Append batches."""
        try:
            return await self._intake.append(self._service, stream, batches)
        except FailedPrecondition as refusal:
            if refusal.reason != "SEQUENCE_GAP":
                raise
            raise SequenceGapError(int(refusal.metadata[NEXT_SEQ])) from None
        except Aborted as refusal:
            if refusal.reason != "SEQUENCE_CONFLICT":
                raise
            raise SequenceConflictError from None

    async def send_changes(self, changes: Sequence[ShippedChange]) -> None:
        """Append changes; this service has none."""
        await self._intake.change(self._service, changes)
