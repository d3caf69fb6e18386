"""The one exception of the domain: a rule was broken, and which.

``reason`` is the name of a value of carnet.common.v1.ErrorReason without its prefix; ``field`` the path of the offending request
field. The message names the field and the rule, never the value.
"""


class RuleBroken(Exception):  # noqa: N818  # it is an answer, not a fault
    """A rule about documents says no."""

    def __init__(self, reason: str, message: str, field: str = "") -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message
        self.field = field
