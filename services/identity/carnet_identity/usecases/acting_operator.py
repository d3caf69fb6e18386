"""Who may use AdminService: an operator named by OpenID Connect, for operations; to look, a data-protection officer as well.

Neither a session nor an operator that was withdrawn here may (`acting_user.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from carnet_platform.calls import User, current_user
from carnet_platform.errors import Denied

from carnet_identity.domain.operator_claims import DATA_PROTECTION_OFFICER, OPERATIONS, OPERATOR
from carnet_identity.usecases.acting_user import ActingUser


@dataclass(frozen=True, slots=True)
class ActingOperator:
    """Looks who acts in the call in hand."""

    acting: ActingUser

    async def operator(self) -> User:
        """The operator of the call, who may act now.

        Raises:
            Unauthenticated: TOKEN_MISSING or SESSION_WITHDRAWN.
            Denied: ROLE_NOT_ALLOWED, for everybody else.
        """
        return await self._one_of({OPERATOR})

    async def onlooker(self) -> User:
        """The operator or data-protection officer of the call. Raises as `operator`."""
        return await self._one_of({OPERATOR, DATA_PROTECTION_OFFICER})

    async def _one_of(self, roles: set[str]) -> User:
        user = current_user()
        if not user.subject.startswith("operators/") or user.role not in roles or user.purpose != OPERATIONS:
            raise Denied("ROLE_NOT_ALLOWED", "this is for operators")
        return await self.acting.somebody()
