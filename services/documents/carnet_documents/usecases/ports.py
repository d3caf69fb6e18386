"""What the use cases need of other services. A fake at the gRPC boundary replaces them in tests, never a class."""

from typing import Protocol

from carnet_documents.domain.decision import Action, Allowed, Denial
from carnet_documents.domain.header import HeaderPatient
from carnet_documents.domain.matched import Matched


class Consent(Protocol):
    """The access decision."""

    async def decide(self, record: str, purpose: str, action: Action) -> Allowed | Denial:
        """Decide for the user of the call in hand. Raises ``Refusal`` when nothing is decided; then nothing may be released."""
        ...


class Identity(Protocol):
    """Who the holder of a record is, without any trait coming back."""

    async def match(self, holder: str, named: HeaderPatient) -> Matched:
        """A header against the holder."""
        ...

    async def is_qualified(self, holder: str) -> bool:
        """Whether the holder's identity is qualified, where there is no header."""
        ...
