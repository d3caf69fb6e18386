"""Alarms for operators: one log line at level error and one count, by kind. Never an identifier of a person or a record."""

import structlog
from opentelemetry import metrics

_log = structlog.get_logger(__name__)
_count = metrics.get_meter("carnet.audit").create_counter("carnet.alarms", description="Alarms raised, by kind")


def raise_alarm(kind: str, **facts: object) -> None:
    """Raise an alarm. `facts` are names of streams and services, and counts."""
    _count.add(1, {"carnet.alarm": kind})
    _log.error("alarm", alarm=kind, **facts)
