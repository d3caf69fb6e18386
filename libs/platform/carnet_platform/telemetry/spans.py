"""Where spans go: an OTLP endpoint when one is set, else a rotating file of JSON lines that ``make traces`` reads."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Histogram, NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from carnet_platform.settings import PlatformSettings

ROTATE_BYTES = 16 << 20


class FileSpanExporter(SpanExporter):
    """Appends spans to a file, one JSON object a line; the file before the last rotation is kept as ``<file>.1``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write the spans. A full disk loses spans, never a call."""
        lines = "".join(json.dumps(_plain(span)) + "\n" for span in spans)
        try:
            with self._lock:
                if self._file.exists() and self._file.stat().st_size > ROTATE_BYTES:
                    self._file.replace(self._file.with_name(self._file.name + ".1"))
                with self._file.open("a", encoding="utf-8") as out:
                    out.write(lines)
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS


def _plain(span: ReadableSpan) -> dict[str, object]:
    context = span.get_span_context()
    return {
        "trace_id": f"{context.trace_id:032x}" if context else "",
        "span_id": f"{context.span_id:016x}" if context else "",
        "parent_span_id": f"{span.parent.span_id:016x}" if span.parent else "",
        "service": str(span.resource.attributes.get("service.name", "")),
        "name": span.name,
        "kind": span.kind.name.lower(),
        "start_time_unix_nano": span.start_time,
        "end_time_unix_nano": span.end_time,
        "status": span.status.status_code.name.lower(),
        "attributes": dict(span.attributes or {}),
    }


def tracer_provider(name: str, settings: PlatformSettings) -> TracerProvider:
    """A provider that keeps every span it is given: the sampling decision is taken before a span is built."""
    provider = TracerProvider(resource=Resource.create({"service.name": name, "service.namespace": "carnet"}), sampler=ALWAYS_ON)
    if settings.trace_endpoint:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.trace_endpoint)))
    elif settings.trace_file is not None:
        provider.add_span_processor(BatchSpanProcessor(FileSpanExporter(settings.trace_file), schedule_delay_millis=500))
    return provider


def call_duration(name: str, settings: PlatformSettings) -> tuple[Histogram, MeterProvider | None]:
    """The histogram of call durations (OpenTelemetry semantic conventions), exported only to an endpoint."""
    provider: MeterProvider | None = None
    if settings.trace_endpoint:
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=settings.trace_endpoint))
        provider = MeterProvider([reader], resource=Resource.create({"service.name": name, "service.namespace": "carnet"}))
    meter = (provider or NoOpMeterProvider()).get_meter("carnet")
    return meter.create_histogram("rpc.server.call.duration", unit="s", description="How long a served call took"), provider
