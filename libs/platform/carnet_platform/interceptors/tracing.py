"""2. Tracing: the sampling decision first, a span only if it is yes (performance.md measured why).

The trace context is W3C ``traceparent``. An untraced call still has a trace id, so that an event can be found from a log line, and a
span id, so that what it calls names it as its parent. Two kinds of calls are traced although the decision was no: one that fails gets its
span when it ends (without what it called: that was not recorded), and one for a purpose that is always traced gets it when its user is
known, and is traced from there on. Both begin when the call began (docs/adr/0014).
"""

import random
import time

import grpc
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, set_span_in_context

from carnet_platform.interceptors.inbound import Inbound
from carnet_platform.telemetry.registry import SERVED_CALL
from carnet_platform.telemetry.steps import ChosenIds, Step, enter, new_span_id, new_trace_id

_PARTS, _TRACE_LENGTH, _SPAN_LENGTH = 4, 32, 16
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Tracing:
    """Opens a server span for the calls that are sampled."""

    def __init__(self, provider: TracerProvider, ids: ChosenIds, ratio: float) -> None:
        """`ids` are those of `provider`; `ratio` is the share traced of the calls whose caller has not decided."""
        self._tracer = provider.get_tracer("carnet")
        self._ids = ids
        self._ratio = ratio

    async def enter(self, inbound: Inbound) -> None:
        """Follow the caller's decision; decide where it made none."""
        parent = inbound.trace_parent = _parent(inbound.text("traceparent"))
        trace_id = new_trace_id() if parent is None else parent.trace_id
        inbound.trace_id, inbound.span_id = f"{trace_id:032x}", f"{new_span_id():016x}"
        if parent is None:
            if random.random() < self._ratio:  # noqa: S311  # sampling is no secret
                self.trace(inbound, "chance")
        elif parent.trace_flags.sampled:
            self.trace(inbound, "caller")

    def trace(self, inbound: Inbound, sampled_by: str) -> None:
        """Trace this call from here on; its span begins when the call did."""
        step = inbound.step = Step(self._tracer, self._begun(inbound, sampled_by))
        inbound.trace_flags = "01"
        enter(step)

    def leave(self, inbound: Inbound) -> None:
        """End the span with the status the caller saw; a call that failed gets one now."""
        is_failed = inbound.status is not grpc.StatusCode.OK
        if inbound.step is None:
            if not is_failed:
                return
            inbound.step = Step(self._tracer, self._begun(inbound, "status"))
        inbound.step.span.set_attribute("rpc.response.status_code", inbound.status.name)
        inbound.step.end((inbound.reason or inbound.status.name) if is_failed else "")

    def _begun(self, inbound: Inbound, sampled_by: str) -> Span:
        parent = inbound.trace_parent
        if parent is None:
            context = Context()
        else:
            sampled = SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=_SAMPLED)
            context = set_span_in_context(NonRecordingSpan(sampled), Context())
        method = inbound.method[1:]
        attributes = {
            "rpc.system.name": "grpc",
            "rpc.method": method,
            "carnet.request_id": inbound.request_id,
            "carnet.sampled_by": sampled_by,
        }
        start = time.time_ns() - int((time.perf_counter() - inbound.started) * 1e9)
        with self._ids.choose(int(inbound.trace_id, 16), int(inbound.span_id, 16)):
            return self._tracer.start_span(method, context, SERVED_CALL.kind, attributes, start_time=start)


class AlwaysTraced:
    """9. The calls that are traced whatever was decided: those for a purpose of this list, as soon as the token has told it."""

    def __init__(self, tracing: Tracing, purposes: frozenset[str]) -> None:
        self._tracing = tracing
        self._purposes = purposes

    async def enter(self, inbound: Inbound) -> None:
        """Trace the call from here on."""
        if inbound.step is None and inbound.user is not None and inbound.user.purpose in self._purposes:
            self._tracing.trace(inbound, "purpose")

    def leave(self, inbound: Inbound) -> None:
        """Nothing to do."""


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
