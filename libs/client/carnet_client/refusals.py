"""What a refusal says, read from the status details."""

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2, status_pb2

DETAILS_KEY = "grpc-status-details-bin"


@dataclass
class Refused(Exception):  # noqa: N818  # it is an answer, not a fault
    """Carnet said no. ``reason`` is a name of ``carnet.common.v1.ErrorReason`` without its prefix, empty when the network failed."""

    code: grpc.StatusCode
    reason: str
    message: str
    field: str = ""
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    request_id: str = ""

    def __str__(self) -> str:
        return f"{self.reason or self.code.name}: {self.message}"


def refused(error: grpc.aio.AioRpcError) -> Refused:
    """The refusal an RPC error carries."""
    info, violations = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    trailing = error.trailing_metadata()
    details = trailing.get(DETAILS_KEY)
    if isinstance(details, bytes):
        for detail in status_pb2.Status.FromString(details).details:
            for target in (info, violations):
                if detail.Is(target.DESCRIPTOR):
                    detail.Unpack(target)
    first = violations.field_violations[0].field if violations.field_violations else ""
    request_id = trailing.get("x-request-id") or ""
    return Refused(error.code(), info.reason, error.details() or "", first, dict(info.metadata), str(request_id))


@contextmanager
def telling_refusals() -> Iterator[None]:
    """Raise ``Refused`` for an RPC error raised within."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise refused(error) from None
    except asyncio.CancelledError:
        # gRPC cancels a call by itself when its server goes away between two messages sent: nobody has asked this task to end.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Refused(grpc.StatusCode.UNAVAILABLE, "", "the connection was lost while sending") from None
