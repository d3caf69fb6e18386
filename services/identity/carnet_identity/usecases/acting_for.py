"""Who may act for a patient on the portal: the patient herself, in a session that was not withdrawn.

Whoever else may, e.g. her representative under a mandate, is let in by `ActingFor.may_act_for` and nowhere else. A person who is not the
user's is refused alike whether or not she exists. As with the registry of persons, a use case looks twice: before it works and before it
answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from carnet_platform.calls import User, current_user
from carnet_platform.errors import Denied

from carnet_identity.usecases.acting_user import ActingUser


@dataclass(frozen=True, slots=True)
class ActingFor:
    """Looks who acts in the call in hand, and for whom."""

    acting: ActingUser

    async def user(self, patient: str) -> User:
        """The user of the call, who may act for `patients/{patient}` now.

        Raises:
            Unauthenticated: TOKEN_MISSING or SESSION_WITHDRAWN.
            Denied: ROLE_NOT_ALLOWED for who is no patient, MANDATE_NOT_IN_FORCE for another person's.
        """
        if not current_user().subject.startswith("patients/"):
            raise Denied("ROLE_NOT_ALLOWED", "this is for patients and their representatives")
        user = await self.acting.somebody()
        if not await self.may_act_for(user, patient):
            raise Denied("MANDATE_NOT_IN_FORCE", "the user is not this person, and has no mandate for her")
        return user

    async def may_act_for(self, user: User, patient: str) -> bool:
        """Whether the user may act for `patients/{patient}`."""
        return user.subject == patient
