"""`carnet.identity.v1.AdminService`: what operators do, two of them at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from carnet.common.v1 import operation_pb2 as pb_operation
from carnet.identity.v1 import admin_service_pb2 as pb
from carnet.identity.v1.admin_service_pb2_grpc import AdminServiceServicer
from carnet_platform.calls import current_call
from carnet_platform.errors import Denied, Unauthenticated
from carnet_platform.operations import Operations
from carnet_platform.operations.wire import approve, decline, propose, told

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
            operation = await propose(self._operations, request, (await self._acting.operator()).subject)
        return pb.ProposeOperationResponse(operation=told(operation, pb_operation.Operation))

    async def ApproveOperation(  # noqa: N802
        self,
        request: pb.ApproveOperationRequest,
        context: grpc.aio.ServicerContext[pb.ApproveOperationRequest, pb.ApproveOperationResponse],
    ) -> pb.ApproveOperationResponse:
        """Approves another operator's operation, and returns when it is done."""
        del context
        async with self._recorded():
            await self._acting.operator()
            operation = await approve(self._operations, request)
        return pb.ApproveOperationResponse(operation=told(operation, pb_operation.Operation))

    async def DeclineOperation(  # noqa: N802
        self,
        request: pb.DeclineOperationRequest,
        context: grpc.aio.ServicerContext[pb.DeclineOperationRequest, pb.DeclineOperationResponse],
    ) -> pb.DeclineOperationResponse:
        """Declines an operation."""
        del context
        async with self._recorded():
            await self._acting.operator()
            operation = await decline(self._operations, request)
        return pb.DeclineOperationResponse(operation=told(operation, pb_operation.Operation))

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
        return pb.ListOperationsResponse(
            operations=[told(one, pb_operation.Operation) for one in operations], next_page_token=next_page_token
        )

    @asynccontextmanager
    async def _recorded(self) -> AsyncIterator[None]:
        try:
            with mapping.refusing():
                yield
        except (Unauthenticated, Denied) as refusal:
            await self._refusals.record(current_call(), refusal.reason)
            raise
