"""3. The access log and the duration metric: one line and one measurement a call, with no value of a request in either."""

import time

import structlog
from opentelemetry.metrics import Histogram

from carnet_platform.interceptors.inbound import Inbound

logger = structlog.get_logger("call")


class AccessLog:
    """Tells that a call was served, by whom it was made, how it ended and how long it took."""

    def __init__(self, duration: Histogram, *, is_written: bool) -> None:
        self._duration = duration
        self._is_written = is_written

    async def enter(self, inbound: Inbound) -> None:
        """Nothing to do."""

    def leave(self, inbound: Inbound) -> None:
        """Write the line and the measurement."""
        seconds = time.perf_counter() - inbound.started
        attributes = {"rpc.system.name": "grpc", "rpc.method": inbound.method[1:], "rpc.response.status_code": inbound.status.name}
        self._duration.record(seconds, attributes)
        if self._is_written:
            logger.info(
                "served",
                method=inbound.method,
                caller=inbound.caller.name if inbound.caller else "",
                status=inbound.status.name,
                reason=inbound.reason,
                milliseconds=round(seconds * 1000, 1),
                request_id=inbound.request_id,
                trace_id=inbound.trace_id,
            )
