"""Operators as tests meet them: they log in at the provider and call AdminService under the certificate of operations."""

import uuid
from dataclasses import dataclass
from typing import Any

from carnet.common.v1 import operation_pb2
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import admin_service_pb2 as pb
from carnet.identity.v1 import admin_service_pb2_grpc as pb_grpc
from carnet.identity.v1 import session_service_pb2 as session_pb
from component.identity.provider import Provider
from component.identity.running import Running

REASON = "a stolen card, told by phone at three in the morning"
PROPOSED, APPROVED, DONE, DECLINED, EXPIRED = (
    operation_pb2.OPERATION_STATE_PROPOSED,
    operation_pb2.OPERATION_STATE_APPROVED,
    operation_pb2.OPERATION_STATE_DONE,
    operation_pb2.OPERATION_STATE_DECLINED,
    operation_pb2.OPERATION_STATE_EXPIRED,
)
CERTIFICATE = "operations"


def claims_of(provider: Provider, name: str, *roles: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - claims are JSON
    """What the provider says of an operator of this name."""
    return provider.claims(preferred_username=None, sub=f"operator-{name}", roles=list(roles or ("carnet-operator", "staff")), **changes)


def log_in(identity: Running, provider: Provider, name: str, *roles: str) -> session_pb.ExchangeAssertionResponse:
    """A token for an operator of this name."""
    assertion = provider.sign(claims_of(provider, name, *roles))
    return identity.exchange(assertion, structure="", purpose=purposes.PURPOSE_OF_USE_OPERATIONS, name=CERTIFICATE)


@dataclass
class Operator:
    """An operator at work on one identity."""

    identity: Running
    token: str
    name: str

    @classmethod
    def of(cls, identity: Running, provider: Provider, name: str, *roles: str) -> "Operator":
        """One who has just logged in."""
        opened = log_in(identity, provider, name, *roles)
        return cls(identity, opened.access_token, opened.subject)

    def propose(self, target: str, kind: str = "stop", *, emergency: bool = False, request_id: str = "") -> operation_pb2.Operation:
        """Proposes something."""
        request = pb.ProposeOperationRequest(
            request_id=request_id or str(uuid.uuid4()), kind=kind, target=target, reason=REASON, emergency=emergency
        )
        answer: pb.ProposeOperationResponse = self._call("ProposeOperation", request)
        return answer.operation

    def approve(self, operation: str, request_id: str = "", at: Running | None = None) -> operation_pb2.Operation:
        """Approves something, at another replica if one is given."""
        request = pb.ApproveOperationRequest(request_id=request_id or str(uuid.uuid4()), operation=operation)
        answer: pb.ApproveOperationResponse = self._call("ApproveOperation", request, at)
        return answer.operation

    def decline(self, operation: str) -> operation_pb2.Operation:
        """Declines something."""
        request = pb.DeclineOperationRequest(request_id=str(uuid.uuid4()), operation=operation)
        answer: pb.DeclineOperationResponse = self._call("DeclineOperation", request)
        return answer.operation

    def operations(self, page_size: int = 0, page_token: str = "") -> pb.ListOperationsResponse:
        """A page of operations."""
        answer: pb.ListOperationsResponse = self._call(
            "ListOperations", pb.ListOperationsRequest(page_size=page_size, page_token=page_token)
        )
        return answer

    def state(self, operation: str) -> int:
        """Where an operation stands."""
        return next(one.state for one in self.operations(100).operations if one.name == operation)

    def _call(self, method: str, request: Any, at: Running | None = None) -> Any:  # noqa: ANN401 - messages of several types
        with (at or self.identity).stub(pb_grpc.AdminServiceStub, CERTIFICATE) as admin:
            return getattr(admin, method)(request, timeout=15, metadata=(("authorization", f"Bearer {self.token}"),))
