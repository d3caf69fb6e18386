"""A withdrawal that consent must know of, so that one decision covers every withdrawal (architecture.md 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What is withdrawn, and until when that must be kept: as long as a token could still name it.

    `request_id` is a UUID and makes telling consent repeatable.
    """

    subject: str
    request_id: str
    expire_time: datetime
