"""A session under a mandate: the user stays herself, and the mandate goes with her token.

The claims say what never changes while a mandate is in force: `mandate`, `on_behalf_of`, its kind, a caregiver's classes, its end. What may
change, the places hidden from her, consent asks for at each decision; an end that comes early is a withdrawal of `mandates/{mandate}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carnet_platform.errors import Denied
from carnet_platform.identifiers import parse_name

from carnet_identity.domain.mandate import Mandate
from carnet_identity.usecases.check_mandate import CheckMandate


@dataclass(frozen=True, slots=True)
class Mandated:
    """A mandate in force at the opening of a session."""

    mandate: Mandate

    @property
    def role(self) -> str:
        """REPRESENTATIVE or CAREGIVER."""
        return self.mandate.kind.role

    @property
    def end(self) -> datetime | None:
        """When it ends; no token outlives it."""
        return self.mandate.end

    def claims(self) -> dict[str, Any]:
        """What the token says of it."""
        claims: dict[str, Any] = {
            "mandate": self.mandate.name,
            "on_behalf_of": self.mandate.holder,
            "mandate_kind": self.mandate.kind.value,
        }
        if self.mandate.classes:
            claims["classes"] = list(self.mandate.classes)
        if self.mandate.end is not None:
            # Rounded down: a token never says more than the mandate.
            claims["mandate_end"] = int(self.mandate.end.timestamp())
        return claims


class MandatedUsers:
    """Says under which mandate a person may act."""

    def __init__(self, check: CheckMandate) -> None:
        self._check = check

    async def __call__(self, subject: str, mandate: str) -> Mandated:
        """The mandate named, for this person.

        Raises:
            Denied: MANDATE_NOT_IN_FORCE, whether it is another's, over, or was never given.
        """
        (mandate_id,) = parse_name(mandate, "mandates/*", "mandate")
        standing = await self._check(mandate_id)
        if standing is None or standing.mandate.mandatary != subject or not subject.startswith("patients/"):
            raise Denied("MANDATE_NOT_IN_FORCE", "no such mandate of this user is in force", field="mandate")
        return Mandated(standing.mandate)
