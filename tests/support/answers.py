"""What a refused call was told, whole: code, reason, field, rule, when to try again, and every word of it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta

import grpc
import pytest
from carnet_client import Refused
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True)
class Answer:
    """A refusal as it came over the wire."""

    code: str
    reason: str
    message: str
    field: str = ""
    rule: str = ""
    """What BadRequest says of the field."""
    retry_after: timedelta | None = None
    said: str = ""
    """Everything: the message, the details and the trailing metadata."""

    @property
    def brief(self) -> tuple[str, str]:
        """(code, reason)."""
        return self.code, self.reason


async def refusal(call: Awaitable[object]) -> Answer:
    """How the call was refused. Fails the test when it was not."""
    answer = await refusal_or_none(call)
    return pytest.fail("it was answered") if answer is None else answer


async def refusal_or_none(call: Awaitable[object]) -> Answer | None:
    """How the call was refused; None when it was answered."""
    try:
        await call
    except Refused as refused:
        if not isinstance(refused.__context__, grpc.aio.AioRpcError):
            raise
        return answer_of(refused.__context__)
    except grpc.aio.AioRpcError as error:
        return answer_of(error)
    return None


def answer_of(error: grpc.aio.AioRpcError) -> Answer:
    """The refusal in an RPC error."""
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    trailing = list(error.trailing_metadata())
    for details in (value for key, value in trailing if key == _DETAILS and isinstance(value, bytes)):
        for detail in status_pb2.Status.FromString(details).details:
            for target in (info, bad, retry):
                if detail.Is(target.DESCRIPTOR):
                    detail.Unpack(target)
    violation = bad.field_violations[0] if bad.field_violations else None
    said = [error.details() or "", *(f"{key}: {value.decode('latin-1') if isinstance(value, bytes) else value}" for key, value in trailing)]
    return Answer(
        error.code().name,
        info.reason,
        error.details() or "",
        violation.field if violation else "",
        violation.description if violation else "",
        retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None,
        "\n".join(said),
    )
