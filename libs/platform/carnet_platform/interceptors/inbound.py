"""One served call as the stages see it."""

import time
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import grpc
from opentelemetry.trace import Span

from carnet_platform.calls import Call, Caller, User
from carnet_platform.permits import Release

UNTRACED_SPAN = "00000000000000f0"
"""Span id sent with the trace context of a call that is not sampled; W3C forbids all zeros."""
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Inbound:
    """What is known of a call so far; each stage adds its part."""

    __slots__ = (
        "caller",
        "context",
        "deadline",
        "entered",
        "is_handing_over",
        "metadata",
        "method",
        "reason",
        "release",
        "request_id",
        "service",
        "span",
        "started",
        "status",
        "timeout",
        "trace_flags",
        "trace_id",
        "user",
    )

    def __init__(self, method: str, context: Context) -> None:
        self.method = method
        self.service = method.split("/")[1]
        self.context = context
        self.metadata: Mapping[str, str | bytes] = dict(context.invocation_metadata() or ())
        self.started = time.perf_counter()
        self.request_id = ""
        self.trace_id = ""
        self.trace_flags = "00"
        self.span: Span | None = None
        self.caller: Caller | None = None
        self.user: User | None = None
        self.deadline: float | None = None
        self.timeout: float | None = None
        self.entered = 0
        self.is_handing_over = False
        self.status = grpc.StatusCode.OK
        self.reason = ""
        self.release = Release()

    def text(self, key: str) -> str:
        """A metadata value as text, empty when absent or binary."""
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""

    def call(self) -> Call:
        """The call as handlers see it."""
        if self.caller is None:
            raise LookupError("the caller stage has not run")
        span_id = f"{self.span.get_span_context().span_id:016x}" if self.span else UNTRACED_SPAN
        traceparent = f"00-{self.trace_id}-{span_id}-{self.trace_flags}"
        return Call(self.method, self.request_id, self.caller, self.user, self.deadline, self.trace_id, traceparent)


class Stage(Protocol):
    """One concern of every call. ``enter`` may refuse the call; ``leave`` runs for each stage entered, in reverse order."""

    async def enter(self, inbound: Inbound) -> None:
        """Add what this stage knows, or raise a ``Refusal``."""

    def leave(self, inbound: Inbound) -> None:
        """Look at how the call ended. Must not raise, must not block."""
