"""1. The request id: the caller's when it is harmless, else one made here; sent back with the answer."""

import re

from carnet_platform.identifiers import new_id
from carnet_platform.interceptors.inbound import Inbound

METADATA_KEY = "x-request-id"
_HARMLESS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z2-7]{26}")


class RequestId:
    """Gives each call a name that logs, traces, events and errors share."""

    async def enter(self, inbound: Inbound) -> None:
        """Take or make the id. Only a UUID or an id of ours is taken: any other text could be somebody's name or number."""
        given = inbound.text(METADATA_KEY)
        inbound.request_id = given if _HARMLESS.fullmatch(given) else new_id()

    def leave(self, inbound: Inbound) -> None:
        """Nothing to do."""
