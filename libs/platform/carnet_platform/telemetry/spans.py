"""Where spans go: an OTLP endpoint when one is set, else a rotating file of JSON lines that ``make traces`` reads."""

import json
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry import metrics
from opentelemetry.metrics import Histogram, NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from carnet_platform.settings import PlatformSettings
from carnet_platform.telemetry.registry import CALL_DURATION
from carnet_platform.telemetry.steps import ChosenIds

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider

ROTATE_BYTES = 16 << 20
PATIENCE = timedelta(seconds=2)
"""With an endpoint: for one try, and for the last ones when the process stops."""
SOON = 500
"""Milliseconds that spans are gathered for before they are told."""


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
        "links": [{"trace_id": f"{link.context.trace_id:032x}", "span_id": f"{link.context.span_id:016x}"} for link in span.links],
    }


class Telemetry:
    """Where one process tells its spans and measurements. Nothing here waits for an endpoint, but for `close`, and that not for long."""

    def __init__(self, name: str, settings: PlatformSettings) -> None:
        """Every span given is kept: the sampling decision is taken before a span is built."""
        resource = Resource.create({"service.name": name, "service.namespace": "carnet"})
        self.ids = ChosenIds()
        self.traces = TracerProvider(resource=resource, sampler=ALWAYS_ON, id_generator=self.ids)
        self._exporter: SpanExporter | None = None
        self._metrics: MeterProvider | None = None
        if settings.trace_endpoint:
            from carnet_platform.telemetry.endpoint import metrics_to, spans_to  # noqa: PLC0415  # the other processes start sooner

            self._exporter = spans_to(settings.trace_endpoint, PATIENCE)
            self.traces.add_span_processor(BatchSpanProcessor(self._exporter, schedule_delay_millis=SOON))
            self._metrics = metrics_to(settings.trace_endpoint, PATIENCE, resource)
            metrics.set_meter_provider(self._metrics)
        elif settings.trace_file is not None:
            self.traces.add_span_processor(BatchSpanProcessor(FileSpanExporter(settings.trace_file), schedule_delay_millis=SOON))
        meter = (self._metrics or NoOpMeterProvider()).get_meter("carnet")
        self.call_duration: Histogram = meter.create_histogram(CALL_DURATION.name, unit="s", description=CALL_DURATION.meaning)

    def close(self) -> None:
        """Tell what is left; an endpoint that does not take it is given up after about two seconds."""
        closing = [threading.Thread(target=self._flush, daemon=True)]
        if self._metrics is not None:
            closing.append(threading.Thread(target=self._metrics.shutdown, args=(PATIENCE.total_seconds() * 1000,), daemon=True))
        for thread in closing:
            thread.start()
        end = time.monotonic() + PATIENCE.total_seconds()
        for thread in closing:
            thread.join(max(0.0, end - time.monotonic()))
        if self._exporter is not None:
            self._exporter.shutdown()
        self.traces.shutdown()

    def _flush(self) -> None:
        self.traces.force_flush(int(PATIENCE.total_seconds() * 1000))
