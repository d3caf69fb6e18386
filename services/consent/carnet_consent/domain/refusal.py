"""The one way in which a rule of this service says no to a change."""

from collections.abc import Mapping
from datetime import timedelta


class RuleBrokenError(Exception):
    """A change was asked that a rule forbids. Carries the name of a `carnet.common.v1.ErrorReason` and, for bad input, the field."""

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        """`metadata` is told beside the reason, such as the state that forbids; `retry_after` where waiting helps."""
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after
