"""From rules and denials to what a caller is told: the one table of reasons and kinds, and the one text of absence."""

from datetime import timedelta

from carnet_platform.errors import Denied, FailedPrecondition, InvalidArgument, NotFound, Refusal, ResourceExhausted, Unauthenticated

from carnet_documents.domain.decision import Denial
from carnet_documents.domain.rules import RuleBroken

_KINDS: dict[str, type[Refusal]] = {
    "NO_RECORD": NotFound,
    "NOT_FOUND": NotFound,
    "RECORD_CLOSED": FailedPrecondition,
    "RECORD_DESTROYED": FailedPrecondition,
    "IDENTITY_NOT_QUALIFIED": FailedPrecondition,
    "STATE_FORBIDS": FailedPrecondition,
    "DOCUMENT_OF_ANOTHER_PATIENT": FailedPrecondition,
    "SESSION_WITHDRAWN": Unauthenticated,
    "CLASS_NOT_DEPOSITABLE": Denied,
    "RATE_LIMITED": ResourceExhausted,
}


def told_rule(broken: RuleBroken) -> Refusal:
    """The refusal for a broken rule about a deposit or a request; what no table names is wrong in the request itself."""
    return _KINDS.get(broken.reason, InvalidArgument)(broken.reason, broken.message, field=broken.field)


def told_denial(denial: Denial) -> Refusal:
    """The refusal for a denial: consent's reason and sentence, which reveal nothing a refused user may not know."""
    return _KINDS.get(denial.reason, Denied)(denial.reason, denial.message)


def absent() -> NotFound:
    """There is no such document, or it is hidden: word for word the same (architecture.md, promise 8)."""
    return NotFound("NOT_FOUND", "there is no such document")


def too_many_uploads() -> ResourceExhausted:
    """The bytes being received have reached their bound."""
    return ResourceExhausted("RATE_LIMITED", "too many deposits at once", retry_after=timedelta(seconds=1))
