"""A registered person."""

from __future__ import annotations

from dataclasses import dataclass

from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.traits import Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A person who has or may have a record; `revision` counts the changes, the first is 1."""

    id: str
    ins: Ins
    traits: Traits
    status: IdentityStatus
    revision: int = 1

    @property
    def name(self) -> str:
        """`patients/{patient}`, opaque."""
        return f"patients/{self.id}"
