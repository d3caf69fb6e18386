"""How many exchanges were refused, by reason: a count for operators, which names nobody."""

from __future__ import annotations

from opentelemetry import metrics

_count = metrics.get_meter("carnet.identity").create_counter(
    "carnet.exchanges.refused", description="Exchanges for a user token that were refused, by reason"
)


def count_refusal(reason: str) -> None:
    """Counts one. `reason` is the name of an ErrorReason without its prefix."""
    _count.add(1, {"carnet.reason": reason})
