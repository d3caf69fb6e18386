"""Push: a person's device is told, through the push gateway of the installation, that there is something to read.

What leaves is as neutral as a letter: the gateway's own name of the device's subscription, an opaque name of the notice, which letter it
would be, the minute, and where to log in. No person, no professional, no place, no record, no word about care.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.letter import Letter

_SUBSCRIPTION = re.compile(r"[A-Za-z0-9_-]{16,128}")
_SHOWN = 4


def parse_subscription(text: str, field: str = "address") -> str:
    """The gateway's name of a device's subscription; a BrokenRule of `field` otherwise, which never tells it."""
    if not _SUBSCRIPTION.fullmatch(text):
        raise BrokenRule(field, "must be the push gateway's name of a subscription: 16 to 128 characters of A-Z, a-z, 0-9, - and _")
    return text


def shown(subscription: str) -> str:
    """Enough to tell one's devices apart, and too little to tell another's anything."""
    return f"…{subscription[-_SHOWN:]}"


def push(what: str, *, letter_id: str, to: str, portal: str, time: datetime) -> Letter:
    """What the gateway is told, written once, so that a retry says the same.

    `what` is the name of the letter's template, which becomes the type of the webhook; the payload is that of the Standard Webhooks
    specification: type, timestamp of the event (to the minute, as in letters), data.
    """
    kind = what.replace("notice-", "notice.", 1).replace("-", "_")
    minute = time.astimezone(UTC).replace(second=0, microsecond=0)
    content = {
        "type": kind,
        "timestamp": minute.isoformat().replace("+00:00", "Z"),
        "data": {"notice": letter_id, "subscription": to, "url": portal},
    }
    return Letter(id=letter_id, to=to, subject=kind, text=json.dumps(content, separators=(",", ":")))


def signature(secrets: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature` (Standard Webhooks 1.0.0): identifier, time of the attempt and body, signed with each secret."""
    content = b".".join((message_id.encode(), str(timestamp).encode(), body))
    digests = (hmac.new(secret, content, hashlib.sha256).digest() for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in digests)
