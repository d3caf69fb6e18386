"""Operations in the messages of a contract: each service that has them serves its own, with the same fields (`carnet.common.v1.Operation`).

The messages are given by their class, for this package knows no contract.
"""

from datetime import datetime
from typing import Any, TypeVar

from google.protobuf.message import Message

from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name
from carnet_platform.operations.operation import Operation, Proposal
from carnet_platform.operations.two_persons import Operations

M = TypeVar("M", bound=Message)


async def propose(operations: Operations, request: Any, proposer: str) -> Operation:  # noqa: ANN401  # a ProposeOperationRequest
    """What is proposed; a provisional one runs when this returns. Raises as `Operations.propose`."""
    proposal = Proposal(
        kind=request.kind, target=request.target, reason=request.reason, proposer=proposer, is_provisional=request.emergency
    )
    return await operations.propose(asked(request), proposal)


async def approve(operations: Operations, request: Any) -> Operation:  # noqa: ANN401  # an ApproveOperationRequest
    """Another's operation, approved and done. Raises as `Operations.approve`, and INVALID_FIELD."""
    return await operations.approve(asked(request), _id_of(request))


async def decline(operations: Operations, request: Any) -> Operation:  # noqa: ANN401  # a DeclineOperationRequest
    """An operation, declined. Raises as `Operations.decline`, and INVALID_FIELD."""
    return await operations.decline(asked(request), _id_of(request))


def told(operation: Operation, kind: type[M]) -> M:
    """The operation as a message of this kind, `carnet.common.v1.Operation`."""
    message: Any = kind(
        name=operation.name,
        kind=operation.kind,
        target=operation.target,
        reason=operation.reason,
        state=f"OPERATION_STATE_{operation.state.value}",
        proposer=operation.proposer,
        approver=operation.approver,
        emergency=operation.is_provisional,
    )
    times: dict[str, datetime | None] = {
        "propose_time": operation.propose_time,
        "expire_time": operation.expire_time,
        "done_time": operation.done_time,
    }
    for field, time in times.items():
        if time is not None:
            getattr(message, field).FromDatetime(time)
    result: M = message
    return result


def _id_of(request: Any) -> str:  # noqa: ANN401  # a message with the field `operation`
    (operation_id,) = parse_name(request.operation, "operations/*", "operation")
    return operation_id
