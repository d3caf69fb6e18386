"""A real OTLP receiver: the generated gRPC services of opentelemetry-proto on a port of this machine, keeping what they are sent.

It can be stopped and started again on its port, as a Collector that is replaced.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from carnet_dev.ports import free_port
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from support.waiting import eventually, wait_until


@dataclass(frozen=True)
class Received:
    """One span that arrived."""

    service: str
    name: str
    kind: str
    """`server`, `client` or `internal`."""
    trace_id: str
    span_id: str
    parent: str
    """Span id, empty for a root."""
    start: int
    end: int
    """Nanoseconds since 1970."""
    is_error: bool
    attributes: dict[str, str | int]
    resource: dict[str, str | int]
    links: frozenset[str]
    """Trace ids."""

    @property
    def line(self) -> str:
        """What it is, in a few words."""
        return f"{self.service} {self.kind} {self.name}" + (f" !{self.attributes.get('error.type', '')}" if self.is_error else "")


class Receiver:
    """Receives spans and measurements."""

    def __init__(self) -> None:
        self.port = free_port()
        self.requests: list[traces_pb.ExportTraceServiceRequest | metrics_pb.ExportMetricsServiceRequest] = []
        self._server: grpc.Server | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen. Waits for the port, which its last owner may be about to leave."""
        server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 1)])
        traces_grpc.add_TraceServiceServicer_to_server(_Traces(self), server)  # type: ignore[no-untyped-call]
        metrics_grpc.add_MetricsServiceServicer_to_server(_Measurements(self), server)  # type: ignore[no-untyped-call]
        wait_until(lambda: server.add_insecure_port(f"127.0.0.1:{self.port}") == self.port)
        server.start()
        self._server = server

    def stop(self) -> None:
        """Be gone; nothing listens on the port."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    @property
    def is_stopped(self) -> bool:
        return self._server is None

    @property
    def spans(self) -> list[Received]:
        """Every span so far."""
        return [span for request in list(self.requests) for span in _spans(request)]

    def of(self, trace_id: str) -> list[Received]:
        """The spans of a trace, in order of their beginnings."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.start)

    def linked_to(self, trace_id: str, name: str) -> list[Received]:
        """The spans of a name that link to a trace."""
        return [span for span in self.spans if span.name == name and trace_id in span.links]

    async def tree(self, trace_id: str, size: int) -> str:
        """A trace of `size` spans as indented lines, once it has that many; of what came when it never has."""
        try:
            await eventually(lambda: len(self.of(trace_id)) >= size, timedelta(seconds=15))
        except TimeoutError:
            return f"{len(self.of(trace_id))} of {size} spans:\n" + drawn(self.of(trace_id))
        return drawn(self.of(trace_id))


def drawn(trace: list[Received]) -> str:
    """One line a span, below its parent, in order of time; by name where they overlap. A span whose parent is not here is a root."""
    known = {span.span_id for span in trace}
    children: defaultdict[str, list[Received]] = defaultdict(list)
    for span in trace:
        children[span.parent if span.parent in known else ""].append(span)

    def lines(parent: str, depth: int) -> Iterator[str]:
        for span in _in_order(children[parent]):
            yield "  " * depth + span.line
            yield from lines(span.span_id, depth + 1)

    return "\n".join(lines("", 0))


def _in_order(siblings: list[Received]) -> Iterator[Received]:
    together: list[Received] = []
    for span in siblings:
        if together and span.start > max(one.end for one in together):
            yield from sorted(together, key=lambda one: one.line)
            together = []
        together.append(span)
    yield from sorted(together, key=lambda one: one.line)


class _Traces(traces_grpc.TraceServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._keep: Callable[[Any], None] = receiver.requests.append

    def Export(self, request: traces_pb.ExportTraceServiceRequest, _: object) -> traces_pb.ExportTraceServiceResponse:  # noqa: N802
        self._keep(request)
        return traces_pb.ExportTraceServiceResponse()


class _Measurements(metrics_grpc.MetricsServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._keep: Callable[[Any], None] = receiver.requests.append

    def Export(self, request: metrics_pb.ExportMetricsServiceRequest, _: object) -> metrics_pb.ExportMetricsServiceResponse:  # noqa: N802
        self._keep(request)
        return metrics_pb.ExportMetricsServiceResponse()


def _spans(request: traces_pb.ExportTraceServiceRequest | metrics_pb.ExportMetricsServiceRequest) -> Iterator[Received]:
    if not isinstance(request, traces_pb.ExportTraceServiceRequest):
        return
    for group in request.resource_spans:
        resource = _plain(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Received(
                    service=str(resource["service.name"]),
                    name=span.name,
                    kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    is_error=span.status.code == Status.STATUS_CODE_ERROR,
                    attributes=_plain(span.attributes),
                    resource=resource,
                    links=frozenset(link.trace_id.hex() for link in span.links),
                )


def _plain(attributes: Any) -> dict[str, str | int]:  # noqa: ANN401  # repeated KeyValue
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
