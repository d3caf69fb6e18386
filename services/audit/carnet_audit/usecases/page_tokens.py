"""Page tokens: where a page of a history ended, sealed, bound to user, record and view."""

import base64
import binascii

from carnet_platform.envelope import Context, EnvelopeError, seal, unseal
from carnet_platform.errors import InvalidArgument
from carnet_platform.keys import MasterKeys

_MAX_LENGTH = 200
_NUMBER_BYTES = 8


class PageTokens:
    """Seals and opens page tokens."""

    def __init__(self, keys: MasterKeys) -> None:
        self._key = keys.derive("audit-page-token")

    def seal(self, place: str, number: int) -> str:
        """The token of the page of lines under `number`, for the user, record and view that `place` names."""
        sealed = seal(self._key, number.to_bytes(_NUMBER_BYTES, "big"), _context(place))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, place: str, token: str) -> int:
        """The number of a token. Raises InvalidArgument PAGE_TOKEN_INVALID."""
        try:
            sealed = base64.b64decode(token[:_MAX_LENGTH] + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            return int.from_bytes(unseal(self._key, sealed, _context(place)), "big")
        except (EnvelopeError, ValueError, binascii.Error):
            raise InvalidArgument("PAGE_TOKEN_INVALID", "was made for another request", field="page_token") from None


def _context(place: str) -> Context:
    return Context("page_tokens", "number", item=place)
