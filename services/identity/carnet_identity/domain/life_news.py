"""News of whether a person lives: her death was stated, or that was taken back (rules.md 17). What is true is asked, not told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeNews:
    """Of whom. `request_id` is a UUID, another one for each news."""

    patient: str
    """`patients/{patient}`."""
    request_id: str
