"""2. Tracing: the sampling decision first, a span only if it is yes (performance.md measured why).

The trace context is W3C ``traceparent``. An untraced call still has a trace id, so that an event can be found from a log line.
"""

import random

import grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context

from carnet_platform.interceptors.inbound import Inbound

_PARTS, _TRACE_LENGTH, _SPAN_LENGTH = 4, 32, 16


class Tracing:
    """Opens a server span for the calls that are sampled."""

    def __init__(self, provider: TracerProvider, ratio: float) -> None:
        self._tracer = provider.get_tracer("carnet")
        self._ratio = ratio

    async def enter(self, inbound: Inbound) -> None:
        """Follow the caller's decision; decide where it made none."""
        parent = _parent(inbound.text("traceparent"))
        if parent is None:
            inbound.trace_id = f"{random.getrandbits(128):032x}"  # a name, not a secret
            is_sampled = random.random() < self._ratio  # noqa: S311  # sampling is no secret
        else:
            inbound.trace_id = f"{parent.trace_id:032x}"
            is_sampled = parent.trace_flags.sampled
        if not is_sampled:
            return
        inbound.trace_flags = "01"
        service, method = inbound.method[1:].split("/")
        inbound.span = self._tracer.start_span(
            f"{service}/{method}",
            context=set_span_in_context(NonRecordingSpan(parent)) if parent else None,
            kind=SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method, "carnet.request_id": inbound.request_id},
        )
        inbound.trace_id = f"{inbound.span.get_span_context().trace_id:032x}"

    def leave(self, inbound: Inbound) -> None:
        """End the span with the status the caller saw."""
        if inbound.span is None:
            return
        inbound.span.set_attribute("rpc.grpc.status_code", inbound.status.value[0])
        if inbound.status is not grpc.StatusCode.OK:
            inbound.span.set_status(Status(StatusCode.ERROR, inbound.reason or inbound.status.name))
        inbound.span.end()


def _parent(traceparent: str) -> SpanContext | None:
    parts = traceparent.split("-")
    if len(parts) != _PARTS or len(parts[1]) != _TRACE_LENGTH or len(parts[2]) != _SPAN_LENGTH:
        return None
    # Digits alone are hardly ever random (one id of 16 in 1800, of 32 in three million): they could be somebody's number.
    if parts[1].isdecimal() or parts[2].isdecimal():
        return None
    try:
        context = SpanContext(int(parts[1], 16), int(parts[2], 16), is_remote=True, trace_flags=TraceFlags(int(parts[3], 16)))
    except ValueError:
        return None
    return context if context.is_valid else None
