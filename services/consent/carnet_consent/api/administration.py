"""`carnet.consent.v1.AdminService`: what operators do to records, two of them at a time."""

import grpc
from carnet.common.v1 import operation_pb2 as pb_operation
from carnet.consent.v1 import admin_service_pb2 as pb
from carnet.consent.v1.admin_service_pb2_grpc import AdminServiceServicer
from carnet_platform.operations import Operations
from carnet_platform.operations.wire import approve, decline, propose, told

from carnet_consent.api.refusing import as_refusal
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.usecases.acting_operator import ActingOperator


class AdminServicer(AdminServiceServicer):
    """Parses, asks the frame, maps the answer."""

    def __init__(self, operations: Operations, acting: ActingOperator) -> None:
        self._operations, self._acting = operations, acting

    async def ProposeOperation(  # noqa: N802 -- the contract's name
        self,
        request: pb.ProposeOperationRequest,
        context: grpc.aio.ServicerContext[pb.ProposeOperationRequest, pb.ProposeOperationResponse],
    ) -> pb.ProposeOperationResponse:
        """Proposes an operation; a hold in an emergency is set when this returns."""
        del context
        operation = await propose(self._operations, request, await self._operator())
        return pb.ProposeOperationResponse(operation=told(operation, pb_operation.Operation))

    async def ApproveOperation(  # noqa: N802
        self,
        request: pb.ApproveOperationRequest,
        context: grpc.aio.ServicerContext[pb.ApproveOperationRequest, pb.ApproveOperationResponse],
    ) -> pb.ApproveOperationResponse:
        """Approves another operator's operation, and returns when it is done."""
        del context
        await self._operator()
        operation = await approve(self._operations, request)
        return pb.ApproveOperationResponse(operation=told(operation, pb_operation.Operation))

    async def DeclineOperation(  # noqa: N802
        self,
        request: pb.DeclineOperationRequest,
        context: grpc.aio.ServicerContext[pb.DeclineOperationRequest, pb.DeclineOperationResponse],
    ) -> pb.DeclineOperationResponse:
        """Declines an operation."""
        del context
        await self._operator()
        operation = await decline(self._operations, request)
        return pb.DeclineOperationResponse(operation=told(operation, pb_operation.Operation))

    async def ListOperations(  # noqa: N802
        self,
        request: pb.ListOperationsRequest,
        context: grpc.aio.ServicerContext[pb.ListOperationsRequest, pb.ListOperationsResponse],
    ) -> pb.ListOperationsResponse:
        """Operations, newest first, for operators and data-protection officers."""
        del context
        await self._operator(is_onlooker_enough=True)
        operations, token = await self._operations.page(request.page_size, request.page_token)
        # Again, with nothing awaited between the look and the answer.
        await self._operator(is_onlooker_enough=True)
        return pb.ListOperationsResponse(operations=[told(one, pb_operation.Operation) for one in operations], next_page_token=token)

    async def _operator(self, *, is_onlooker_enough: bool = False) -> str:
        try:
            return await self._acting(is_onlooker_enough=is_onlooker_enough)
        except RuleBrokenError as broken:
            raise as_refusal(broken) from None
