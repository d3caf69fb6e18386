"""Display names from identity, remembered for a while.

A name that cannot be had now is left out, and the line is written with words for the role: a history must be readable when identity
is down, and it must not show a name that was not answered.
"""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta

import structlog
from carnet.identity.v1 import directory_service_pb2 as directory
from carnet.identity.v1 import directory_service_pb2_grpc as directory_grpc
from carnet_platform.clock import Clock
from carnet_platform.errors import Refusal
from carnet_platform.peers import Peer

AT_ONCE = 200
"""Most names in one call."""
KEPT = 10_000
"""Most names remembered."""

_log = structlog.get_logger(__name__)


class DisplayNames:
    """Names by resource name."""

    def __init__(self, peer: Peer["directory_grpc.DirectoryServiceAsyncStub"], clock: Clock, keep: timedelta) -> None:
        self._peer, self._clock, self._keep = peer, clock, keep.total_seconds()
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def find(self, resources: Iterable[str]) -> dict[str, str]:
        """The display names of those resources that have one and could be asked for."""
        now = self._clock.boottime()
        wanted = sorted({resource for resource in resources if resource})
        missing = [resource for resource in wanted if resource not in self._known or self._known[resource][0] < now]
        for start in range(0, len(missing), AT_ONCE):
            try:
                await self._ask(missing[start : start + AT_ONCE], now + self._keep)
            except Refusal as refusal:
                _log.warning("names.unavailable", reason=refusal.reason)
                break
        names = {resource: self._known[resource][1] for resource in wanted if resource in self._known}
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return names

    async def _ask(self, resources: list[str], until: float) -> None:
        answer = await self._peer().BatchGetDisplayNames(directory.BatchGetDisplayNamesRequest(names=resources))
        for found in answer.display_names:
            self._known[found.name] = (until, found.display_name)
