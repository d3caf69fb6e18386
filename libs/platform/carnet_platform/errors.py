"""Refusals: the one way a service says no.

A ``Refusal`` crosses every layer unchanged until the error interceptor renders it as ``google.rpc.Status`` with one ``ErrorInfo``
(AIP-193). Its reason is the name of a value of the contracts' reason enum without the prefix, so that this package needs no
contract. A message names the field and the rule, never the value.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import grpc


class Refusal(Exception):  # noqa: N818  # it is an answer, not a fault
    """A refusal with its machine-readable ``reason``, a sentence, and what the caller can do about it.

    ``field`` is the path of the offending request field; ``retry_after`` tells when another try makes sense.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after


class InvalidArgument(Refusal):
    """The request itself is wrong, whatever the state of the system."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class Unauthenticated(Refusal):
    """It is not known who asks."""

    code = grpc.StatusCode.UNAUTHENTICATED


class Denied(Refusal):
    """It is known who asks, and the answer is no."""

    code = grpc.StatusCode.PERMISSION_DENIED


class NotFound(Refusal):
    """There is no such thing, or the asker may not know of it: the two are not told apart."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(Refusal):
    """Something else is already there."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPrecondition(Refusal):
    """The state of the thing forbids it; the same call will not pass until that changes."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(Refusal):
    """Somebody else changed it meanwhile; start again from reading."""

    code = grpc.StatusCode.ABORTED


class ResourceExhausted(Refusal):
    """Too much was asked for."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Unavailable(Refusal):
    """Something this service needs does not answer; nothing was done that was not acknowledged."""

    code = grpc.StatusCode.UNAVAILABLE


class DeadlineTooShort(Refusal):
    """Too little time was left to do the work and answer."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
