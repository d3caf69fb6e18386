"""Page tokens: where a page ended, sealed, bound to the request and the user, and always of the same length."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta

from carnet_platform.envelope import Context, EnvelopeError, seal, unseal
from carnet_platform.errors import InvalidArgument
from carnet_platform.keys import MasterKeys

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE = struct.Struct(">q26s")
_MAX_LENGTH = 256


class PageTokens:
    """Seals and opens page tokens."""

    def __init__(self, keys: MasterKeys) -> None:
        self._key = keys.derive("documents-page-token")

    def seal(self, fingerprint: str, created: datetime, document: str) -> str:
        """The token of the page after the document given, for the request of that fingerprint."""
        place = _PLACE.pack((created - _EPOCH) // timedelta(microseconds=1), document.encode())
        return base64.urlsafe_b64encode(seal(self._key, place, Context("page_tokens", "place", item=fingerprint))).decode().rstrip("=")

    def open(self, fingerprint: str, token: str) -> tuple[datetime, str]:
        """Creation time and id of the last document of the page before. Raises ``InvalidArgument`` PAGE_TOKEN_INVALID."""
        try:
            sealed = base64.b64decode(token[:_MAX_LENGTH] + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            microseconds, document = _PLACE.unpack(unseal(self._key, sealed, Context("page_tokens", "place", item=fingerprint)))
        except (EnvelopeError, ValueError, binascii.Error, struct.error):
            raise InvalidArgument("PAGE_TOKEN_INVALID", "was made for another request", field="page_token") from None
        return _EPOCH + timedelta(microseconds=microseconds), document.rstrip(b"\0").decode()
