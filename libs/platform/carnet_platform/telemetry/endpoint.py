"""An OTLP endpoint: where spans and measurements go when one is set. Imported then alone: most processes start without."""

from datetime import timedelta

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource


class EndpointExporter(OTLPSpanExporter):
    """The library's, which may be told to end several times."""

    _is_ended = False

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """End it, and with it the try that is under way."""
        if not self._is_ended:
            self._is_ended = True
            super().shutdown(timeout_millis, **kwargs)


def spans_to(endpoint: str, patience: timedelta) -> EndpointExporter:
    """What tells spans; ``patience`` is for one try."""
    return EndpointExporter(endpoint=endpoint, timeout=patience.total_seconds())


def metrics_to(endpoint: str, patience: timedelta, resource: Resource) -> MeterProvider:
    """What tells measurements."""
    exporter = OTLPMetricExporter(endpoint=endpoint, timeout=patience.total_seconds())
    return MeterProvider([PeriodicExportingMetricReader(exporter)], resource=resource)
