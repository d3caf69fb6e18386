"""The one way in which a rule of this service says no to a change."""


class RuleBrokenError(Exception):
    """A change was asked that a rule forbids. Carries the name of a `carnet.common.v1.ErrorReason` and, for bad input, the field."""

    def __init__(self, reason: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
