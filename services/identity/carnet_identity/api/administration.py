"""`carnet.identity.v1.AdminService`: what operators do, two of them at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from carnet.common.v1 import operation_pb2
from carnet.identity.v1 import admin_service_pb2 as pb
from carnet.identity.v1.admin_service_pb2_grpc import AdminServiceServicer
from carnet_platform.calls import current_call
from carnet_platform.errors import Denied, Unauthenticated
from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name
from carnet_platform.operations import Operation, Operations, Proposal

from carnet_identity.api import mapping
from carnet_identity.usecases.acting_operator import ActingOperator
from carnet_identity.usecases.record_refusals import RefusalRecorder


class AdminServicer(AdminServiceServicer):
    """Parses, asks the frame, maps the answer; refusals are recorded."""

    def __init__(self, operations: Operations, acting: ActingOperator, refusals: RefusalRecorder) -> None:
        self._operations = operations
        self._acting = acting
        self._refusals = refusals

    async def ProposeOperation(  # noqa: N802 - the contract's name
        self,
        request: pb.ProposeOperationRequest,
        context: grpc.aio.ServicerContext[pb.ProposeOperationRequest, pb.ProposeOperationResponse],
    ) -> pb.ProposeOperationResponse:
        """Proposes an operation; an emergency stop is done when this returns."""
        del context
        async with self._recorded():
            user = await self._acting.operator()
            proposal = Proposal(
                kind=request.kind,
                target=request.target,
                reason=request.reason,
                proposer=user.subject,
                is_provisional=request.emergency,
            )
            operation = await self._operations.propose(asked(request), proposal)
        return pb.ProposeOperationResponse(operation=_told(operation))

    async def ApproveOperation(  # noqa: N802
        self,
        request: pb.ApproveOperationRequest,
        context: grpc.aio.ServicerContext[pb.ApproveOperationRequest, pb.ApproveOperationResponse],
    ) -> pb.ApproveOperationResponse:
        """Approves another operator's operation, and returns when it is done."""
        del context
        async with self._recorded():
            await self._acting.operator()
            (operation_id,) = parse_name(request.operation, "operations/*", "operation")
            operation = await self._operations.approve(asked(request), operation_id)
        return pb.ApproveOperationResponse(operation=_told(operation))

    async def DeclineOperation(  # noqa: N802
        self,
        request: pb.DeclineOperationRequest,
        context: grpc.aio.ServicerContext[pb.DeclineOperationRequest, pb.DeclineOperationResponse],
    ) -> pb.DeclineOperationResponse:
        """Declines an operation."""
        del context
        async with self._recorded():
            await self._acting.operator()
            (operation_id,) = parse_name(request.operation, "operations/*", "operation")
            operation = await self._operations.decline(asked(request), operation_id)
        return pb.DeclineOperationResponse(operation=_told(operation))

    async def ListOperations(  # noqa: N802
        self,
        request: pb.ListOperationsRequest,
        context: grpc.aio.ServicerContext[pb.ListOperationsRequest, pb.ListOperationsResponse],
    ) -> pb.ListOperationsResponse:
        """Operations, newest first, for operators and data-protection officers."""
        del context
        async with self._recorded():
            await self._acting.onlooker()
            operations, next_page_token = await self._operations.page(request.page_size, request.page_token)
            # Again, with nothing awaited between the look and the answer.
            await self._acting.onlooker()
        return pb.ListOperationsResponse(operations=[_told(one) for one in operations], next_page_token=next_page_token)

    @asynccontextmanager
    async def _recorded(self) -> AsyncIterator[None]:
        try:
            with mapping.refusing():
                yield
        except (Unauthenticated, Denied) as refusal:
            await self._refusals.record(current_call(), refusal.reason)
            raise


def _told(operation: Operation) -> operation_pb2.Operation:
    told = operation_pb2.Operation(
        name=operation.name,
        kind=operation.kind,
        target=operation.target,
        reason=operation.reason,
        state=operation_pb2.OperationState.Value(f"OPERATION_STATE_{operation.state.value}"),
        proposer=operation.proposer,
        approver=operation.approver,
        propose_time=mapping.timestamp_to(operation.propose_time),
        expire_time=mapping.timestamp_to(operation.expire_time),
        emergency=operation.is_provisional,
    )
    if operation.done_time is not None:
        told.done_time.CopyFrom(mapping.timestamp_to(operation.done_time))
    return told
