"""Page tokens of lists of mandates: where a page ended, sealed, bound to the user who asked."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from carnet_platform.envelope import Context, EnvelopeError, seal, unseal
from carnet_platform.errors import InvalidArgument
from carnet_platform.keys import MasterKeys

_LONGEST = 300


class MandatePageTokens:
    """Seals and opens page tokens."""

    def __init__(self, keys: MasterKeys) -> None:
        self._key = keys.derive("mandate-page-token")

    def seal(self, user: str, made: datetime, mandate_id: str) -> str:
        """The token of the page after a mandate, for a user."""
        sealed = seal(self._key, f"{made.isoformat()} {mandate_id}".encode(), _context(user))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, user: str, token: str) -> tuple[datetime, str]:
        """The place of a token. Raises InvalidArgument PAGE_TOKEN_INVALID."""
        try:
            sealed = base64.b64decode(token[:_LONGEST] + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            made, _, mandate_id = unseal(self._key, sealed, _context(user)).decode().partition(" ")
            return datetime.fromisoformat(made), mandate_id
        except (EnvelopeError, ValueError, binascii.Error):
            raise InvalidArgument("PAGE_TOKEN_INVALID", "was made for another request", field="page_token") from None


def _context(user: str) -> Context:
    return Context("page_tokens", "mandates", subject=user)
