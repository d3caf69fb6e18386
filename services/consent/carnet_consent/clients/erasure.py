"""Asks a participant of a destruction to erase what it keeps of a record. Its answer is judged by who asked."""

import asyncio
from datetime import UTC, timedelta

from carnet.common.v1 import record_erasure_service_pb2 as pb
from carnet.common.v1 import record_erasure_service_pb2_grpc as pb_grpc
from carnet_platform.errors import InvalidArgument, Unavailable
from carnet_platform.peers import Peer

from carnet_consent.domain.destruction import ErasureAnswer, Receipt

LONGEST_NAME = 100
LONGEST_CODE = 50
MOST_CODES = 20


class Eraser:
    """Implements the port `Participant` of the use case that destroys."""

    def __init__(self, name: str, peer: "Peer[pb_grpc.RecordErasureServiceAsyncStub]", timeout: timedelta) -> None:
        self._name, self._peer, self._timeout = name, peer, timeout

    async def erase(self, request_id: str, record: str, destruction: str) -> ErasureAnswer:
        """Ask once. Raises Unavailable without an answer in time, Refusal when it refuses or answers more than a receipt holds."""
        request = pb.EraseRecordRequest(request_id=request_id, record=record, destruction=destruction)
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                answer = await self._peer().EraseRecord(request)
        except TimeoutError:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the participant does not answer", retry_after=timedelta(seconds=1)) from None
        if answer.state != pb.ERASURE_STATE_DONE:
            return ErasureAnswer(answer.record, answer.destruction, None)
        if len(answer.receipt) > LONGEST_NAME or len(answer.erased) > MOST_CODES or any(len(code) > LONGEST_CODE for code in answer.erased):
            raise InvalidArgument("INVALID_FIELD", "a receipt is longer than it may be", field="receipt")
        receipt = Receipt(self._name, answer.receipt, answer.erase_time.ToDatetime(UTC), tuple(answer.erased))
        return ErasureAnswer(answer.record, answer.destruction, receipt)
