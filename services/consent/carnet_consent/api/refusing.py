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
    ResourceExhausted,
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
    "DEPOSIT_OPPOSED": Denied,
    "NEEDS_CONSENT": Denied,
    "EMERGENCY_OPPOSED": Denied,
    "EMERGENCY_PROFESSION_NOT_ALLOWED": Denied,
    "CONSENT_UNREADABLE": FailedPrecondition,
    "RECORD_CLOSED": FailedPrecondition,
    "RECORD_DESTROYED": FailedPrecondition,
    "LEGAL_HOLD": FailedPrecondition,
    "NO_VERIFIED_CHANNEL": FailedPrecondition,
    "LOGIN_TOO_WEAK": Denied,
    "STATE_FORBIDS": FailedPrecondition,
    "EPISODE_ENDED": FailedPrecondition,
    "IDENTITY_NOT_QUALIFIED": FailedPrecondition,
    "PERSON_DECEASED": FailedPrecondition,
    "OPENING_WAY_NOT_OFFERED": FailedPrecondition,
    "DEPARTEMENT_NOT_OPEN": FailedPrecondition,
    "DIFFERENCE_NOT_SETTLED": FailedPrecondition,
    "RECORD_EXISTS": AlreadyExists,
    "NOT_FOUND": NotFound,
    "INVALID_FIELD": InvalidArgument,
    "CODE_INVALID": InvalidArgument,
    "REASON_REQUIRED": InvalidArgument,
    "ATTESTATION_REQUIRED": InvalidArgument,
    "EVIDENCE_REQUIRED": InvalidArgument,
    "SWITCH_DEPENDENCY": InvalidArgument,
    "OPENING_BUDGET_SPENT": ResourceExhausted,
    "RATE_LIMITED": ResourceExhausted,
    "CARE_CONTACT_INVALID": InvalidArgument,
    "CARE_CONTACT_EXPIRED": FailedPrecondition,
    "CARE_CONTACT_KEY_UNKNOWN": Denied,
    "CARE_CONTACT_MISMATCH": Denied,
    "CARE_CONTACT_REPLAYED": AlreadyExists,
}
"""The kind of refusal of each reason a rule gives."""


@asynccontextmanager
async def refusing(refusals: RecordRefusals, acting: Acting, record: str) -> AsyncIterator[None]:
    """Run the block; a broken rule is recorded and raised as a Refusal."""
    try:
        yield
    except RuleBrokenError as broken:
        await refusals(acting, record, broken.reason)
        raise as_refusal(broken) from None


def as_refusal(broken: RuleBrokenError) -> Refusal:
    """A broken rule as its caller is told."""
    kind = KINDS[broken.reason]
    return kind(broken.reason, broken.message, field=broken.field, metadata=broken.metadata, retry_after=broken.retry_after)
