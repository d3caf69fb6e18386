"""What is written down: the events of this service, whose canonical text the log commits to.

Kinds: document.read, document.entry_read, documents.searched, document.deposited, document.replaced, document.masked,
document.unmasked, document.deposit_repeated, document.unreadable, document.seal_broken, document.rolled_back, access.refused,
document.deposit_refused, release.withdrawn, release.late.
An event says "released or about to be". Its title and words are sealed wherever they rest.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from carnet.audit.v1 import event_pb2
from carnet_platform.calls import current_call
from carnet_recording.events import event_of


def event(kind: str, now: datetime, record: str, *, hidden_from: Sequence[str] = (), **more: Any) -> event_pb2.Event:  # noqa: ANN401  # Event's fields
    """An event of the call in hand. ``record`` is the opaque id; ``more`` are fields of Event."""
    name = f"records/{record}" if record else ""
    return event_of(current_call(), kind, now, record=name, hidden_from=hidden_from, **more)
