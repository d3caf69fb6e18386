"""1. The request id: the caller's when it is harmless, else one made here; sent back with the answer."""

import re

from carnet_platform.identifiers import new_id
from carnet_platform.interceptors.inbound import Inbound

METADATA_KEY = "x-request-id"
_HARMLESS = re.compile(r"[a-z0-9-]{8,64}")
_LONG_NUMBER = re.compile(r"\d{11,}")


class RequestId:
    """Gives each call a name that logs, traces, events and errors share."""

    async def enter(self, inbound: Inbound) -> None:
        """Take or make the id. A long run of digits is not taken: it could be somebody's number."""
        given = inbound.text(METADATA_KEY)
        taken = _HARMLESS.fullmatch(given) and not _LONG_NUMBER.search(given)
        inbound.request_id = given if taken else new_id()

    def leave(self, inbound: Inbound) -> None:
        """Nothing to do."""
