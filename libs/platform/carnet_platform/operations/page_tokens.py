"""Page tokens: where a page of operations ended, sealed, so that nobody makes one up."""

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta
from typing import Final

from carnet_platform.envelope import Context, EnvelopeError, seal, unseal
from carnet_platform.errors import InvalidArgument
from carnet_platform.keys import MasterKeys

_LONGEST: Final = 400
_PLACE: Final = Context("operations", "page_token")
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class PageTokens:
    """Seals and opens page tokens."""

    def __init__(self, keys: MasterKeys) -> None:
        self._key = keys.derive("operations-page-token")

    def seal(self, place: tuple[datetime, str]) -> str:
        """The token of the page after the operation proposed at an instant (whole milliseconds) under an id."""
        text = json.dumps([(place[0] - _EPOCH) // timedelta(milliseconds=1), place[1]])
        return base64.urlsafe_b64encode(seal(self._key, text.encode(), _PLACE)).decode().rstrip("=")

    def open(self, token: str) -> tuple[datetime, str]:
        """The place of a token. Raises InvalidArgument PAGE_TOKEN_INVALID."""
        try:
            sealed = base64.b64decode(token[:_LONGEST] + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            milliseconds, row_id = json.loads(unseal(self._key, sealed, _PLACE))
        except (EnvelopeError, ValueError, binascii.Error):
            raise InvalidArgument("PAGE_TOKEN_INVALID", "was not given by an answer before", field="page_token") from None
        return _EPOCH + timedelta(milliseconds=milliseconds), row_id
