"""The one way a rule of the domain says no: which field, which rule, never the value."""

from __future__ import annotations


class BrokenRule(ValueError):  # noqa: N818 - it names what happened, and is a value of the domain before it is an error
    """A field breaks a rule.

    `reason` is the name of a `carnet.common.v1.ErrorReason` without its prefix, `field` a path inside the message that held
    the value, `rule` one sentence for the caller. None of the three ever contains the value itself.
    """

    def __init__(self, field: str, rule: str, *, reason: str = "INVALID_FIELD") -> None:
        super().__init__(f"{field}: {rule}" if field else rule)
        self.field = field
        self.rule = rule
        self.reason = reason
