"""4. Errors: whatever was raised becomes one ``google.rpc.Status`` with one ``ErrorInfo``.

A ``Refusal`` is rendered as it is. A store or peer that does not answer is DEPENDENCY_UNAVAILABLE. Anything else is a fault of ours:
the caller gets an incident id, the log gets the id and where it happened, and neither gets a value of the request.
"""

import traceback
from datetime import timedelta

import grpc
import structlog
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from pymongo.errors import PyMongoError

from carnet_platform.errors import DeadlineTooShort, Refusal, Unavailable
from carnet_platform.identifiers import new_id

DOMAIN = "carnet"
DETAILS_KEY = "grpc-status-details-bin"
STORE_RETRY = timedelta(seconds=1)
logger = structlog.get_logger(__name__)


class Internal(Refusal):
    """A fault of this system."""

    code = grpc.StatusCode.INTERNAL


def refusal_of(error: BaseException) -> Refusal:
    """The refusal that tells a caller what ``error`` means for him."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, TimeoutError):
        return DeadlineTooShort("DEADLINE_TOO_SHORT", "the work did not end in the time the caller allowed")
    if isinstance(error, (PyMongoError, ConnectionError)) or _is_redis(error):
        logger.warning("dependency.unavailable", kind=type(error).__name__, where=where(error))
        return Unavailable("DEPENDENCY_UNAVAILABLE", "a store does not answer", retry_after=STORE_RETRY)
    incident = new_id()
    # The message of an unknown exception may quote a value, so only its type and place are written.
    logger.error("internal", incident=incident, kind=type(error).__name__, where=where(error))
    return Internal("INTERNAL", f"a fault of this system; incident {incident}")


def _is_redis(error: BaseException) -> bool:
    """Whether Redis's client raised it; not by its class, because most services never import that client."""
    return any(kind.__module__.startswith("redis.") for kind in type(error).__mro__)


def where(error: BaseException) -> list[str]:
    """The innermost frames of an error: functions, files and lines, no value."""
    return [
        f"{frame.name} {'/'.join(frame.filename.rsplit('/', 2)[-2:])}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)[-6:]
    ]


def details_of(refusal: Refusal) -> bytes:
    """The serialised ``google.rpc.Status`` of a refusal, for the trailing metadata."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=refusal.metadata)]
    if refusal.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=refusal.field, description=refusal.message, reason=refusal.reason)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if refusal.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromTimedelta(refusal.retry_after)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed = []
    for detail in details:
        box = any_pb2.Any()
        box.Pack(detail)
        packed.append(box)
    status = status_pb2.Status(code=refusal.code.value[0], message=refusal.message, details=packed)
    return bytes(status.SerializeToString())
