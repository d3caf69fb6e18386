"""`carnet.consent.v1.WithdrawalService`: where other services register what they withdraw."""

import re

import grpc
from carnet.consent.v1 import withdrawal_service_pb2 as pb
from carnet.consent.v1.withdrawal_service_pb2_grpc import WithdrawalServiceServicer
from carnet_platform.errors import InvalidArgument
from carnet_platform.idempotency import asked

from carnet_consent.api import mapping
from carnet_consent.usecases.withdraw import Withdraw

_PART = r"[A-Za-z0-9_.~-]{1,64}"
_SUBJECT = re.compile(
    rf"(sessions|professionals|patients|structures|mandates|certificates)/{_PART}|activities/{_PART}/{_PART}|callers/{_PART}(/{_PART})?"
)


class WithdrawalServicer(WithdrawalServiceServicer):
    """Parses, registers, answers after the majority commit."""

    def __init__(self, withdraw: Withdraw) -> None:
        self._withdraw = withdraw

    async def RegisterWithdrawal(  # noqa: N802 -- the contract's name
        self,
        request: pb.RegisterWithdrawalRequest,
        context: grpc.aio.ServicerContext[pb.RegisterWithdrawalRequest, pb.RegisterWithdrawalResponse],
    ) -> pb.RegisterWithdrawalResponse:
        """Register a withdrawal."""
        del context
        if _SUBJECT.fullmatch(request.subject) is None:
            raise InvalidArgument("INVALID_FIELD", "must name something that a token names, e.g. `sessions/{session}`", field="subject")
        position = await self._withdraw(
            asked(request),
            request.subject,
            mapping.instant(request.expire_time, "expire_time"),
        )
        return pb.RegisterWithdrawalResponse(position=position)
