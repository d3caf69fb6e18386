"""One served call as the stages see it."""

import time
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import grpc
from opentelemetry.trace import SpanContext

from carnet_platform.calls import Call, Caller, User
from carnet_platform.permits import Release
from carnet_platform.telemetry.steps import Step

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
        "span_id",
        "started",
        "status",
        "step",
        "timeout",
        "trace_flags",
        "trace_id",
        "trace_parent",
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
        self.span_id = ""
        self.trace_flags = "00"
        self.trace_parent: SpanContext | None = None
        self.step: Step | None = None
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
        traceparent = f"00-{self.trace_id}-{self.span_id}-{self.trace_flags}"
        return Call(self.method, self.request_id, self.caller, self.user, self.deadline, self.trace_id, traceparent)


class Stage(Protocol):
    """One concern of every call. ``enter`` may refuse the call; ``leave`` runs for each stage entered, in reverse order."""

    async def enter(self, inbound: Inbound) -> None:
        """Add what this stage knows, or raise a ``Refusal``."""

    def leave(self, inbound: Inbound) -> None:
        """Look at how the call ended. Must not raise, must not block."""
