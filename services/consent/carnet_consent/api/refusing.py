"""Turns a broken rule into the refusal its caller gets, after recording it in the record's history."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from carnet_platform.errors import (
    AlreadyExists,
    Denied,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Refusal,
    Unauthenticated,
)

from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.usecases.acting import Acting
from carnet_consent.usecases.record_refusals import RecordRefusals

KINDS: Mapping[str, type[Refusal]] = {
    "SESSION_WITHDRAWN": Unauthenticated,
    "USER_UNKNOWN": Denied,
    "PURPOSE_NOT_ALLOWED": Denied,
    "ROLE_NOT_ALLOWED": Denied,
    "MANDATE_NOT_IN_FORCE": Denied,
    "BLOCKED": Denied,
    "NEEDS_CONSENT": Denied,
    "EMERGENCY_OPPOSED": Denied,
    "EMERGENCY_PROFESSION_NOT_ALLOWED": Denied,
    "CONSENT_UNREADABLE": FailedPrecondition,
    "RECORD_CLOSED": FailedPrecondition,
    "STATE_FORBIDS": FailedPrecondition,
    "EPISODE_ENDED": FailedPrecondition,
    "IDENTITY_NOT_QUALIFIED": FailedPrecondition,
    "RECORD_EXISTS": AlreadyExists,
    "NOT_FOUND": NotFound,
    "INVALID_FIELD": InvalidArgument,
    "REASON_REQUIRED": InvalidArgument,
    "ATTESTATION_REQUIRED": InvalidArgument,
    "EVIDENCE_REQUIRED": InvalidArgument,
    "SWITCH_DEPENDENCY": InvalidArgument,
}
"""The kind of refusal of each reason a rule gives."""


@asynccontextmanager
async def refusing(refusals: RecordRefusals, acting: Acting, record: str) -> AsyncIterator[None]:
    """Run the block; a broken rule is recorded and raised as a Refusal."""
    try:
        yield
    except RuleBrokenError as broken:
        await refusals(acting, record, broken.reason)
        raise KINDS[broken.reason](broken.reason, broken.message, field=broken.field) from None
