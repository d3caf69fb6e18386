"""Registers withdrawals with consent, which refuses what they name."""

from __future__ import annotations

import uuid

from carnet.consent.v1 import withdrawal_service_pb2 as pb
from carnet.consent.v1 import withdrawal_service_pb2_grpc as pb_grpc
from carnet_platform.peers import Peer
from google.protobuf.timestamp_pb2 import Timestamp

from carnet_identity.domain.withdrawal import Withdrawal

_PATIENCE_SECONDS = 5.0


class ConsentFence:
    """Implements the port `Fence` over `carnet.consent.v1.WithdrawalService`."""

    def __init__(self, consent: Peer[pb_grpc.WithdrawalServiceAsyncStub]) -> None:
        self._consent = consent

    async def register(self, withdrawal: Withdrawal) -> None:
        """Returns after the majority commit at consent; Unavailable otherwise. The same request may be sent again."""
        expire_time = Timestamp()
        expire_time.FromDatetime(withdrawal.expire_time)
        # The same withdrawal with a later end is another request: whoever notes one again may have noted a longer one meanwhile.
        request_id = str(uuid.uuid5(uuid.UUID(withdrawal.request_id), expire_time.ToJsonString()))
        request = pb.RegisterWithdrawalRequest(request_id=request_id, subject=withdrawal.subject, expire_time=expire_time)
        await self._consent().RegisterWithdrawal(request, timeout=_PATIENCE_SECONDS)
