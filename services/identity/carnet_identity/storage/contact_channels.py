"""Contact channels at rest: one sealed row a person, under her opaque name, and nothing by which an address could be looked up.

Promises that the row of another person or of another revision does not open in a row's place: an alarm is raised and nobody is answered
(EnvelopeError). A code is kept as a keyed hash bound to person and channel, under a key outside the database, so that a copy of the
store gives no code although there are only a million.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError, mac
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Session, conflict
from pymongo.errors import DuplicateKeyError

from carnet_identity.domain.contact_channel import ChannelKind, ContactChannel, ContactChannels, SentCode

_COLLECTION = "contact_channels"
_log = structlog.get_logger(__name__)


class ContactChannelStore:
    """Collection `contact_channels`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._rows = collection
        self._sealer = Sealer(keys, _COLLECTION)
        self._code_key = keys.derive("contact-code")

    async def of(self, patient_id: str, session: Session | None = None) -> ContactChannels:
        """The channels of a person; of whom nothing is stored, none."""
        found = await self._rows.find_one({"_id": patient_id}, session=session)
        if found is None:
            return ContactChannels(patient_id=patient_id)
        try:
            return self._opened(found)
        except EnvelopeError:
            _log.error("contact_channels.seal_broken", patient=patient_id)
            raise

    async def put(self, session: Session, changed: ContactChannels) -> None:
        """Stores the next revision; when they were changed meanwhile the transaction runs again."""
        row = self._closed(replace(changed, revision=changed.revision + 1))
        try:
            result = await self._rows.replace_one(
                {"_id": changed.patient_id, "revision": changed.revision}, row, session=session, upsert=changed.revision == 0
            )
        except DuplicateKeyError:
            raise conflict("the channels were changed meanwhile") from None
        if changed.revision and result.matched_count != 1:
            raise conflict("the channels were changed meanwhile")

    async def forget(self, session: Session, patient_id: str) -> None:
        """Forgets every channel of a person, e.g. when mail to her ends."""
        await self._rows.delete_one({"_id": patient_id}, session=session)

    def mark(self, patient_id: str, channel_id: str, code: str) -> bytes:
        """The keyed hash of a code sent on a channel."""
        return mac(self._code_key, patient_id.encode(), channel_id.encode(), code.encode())

    def _closed(self, channels: ContactChannels) -> dict[str, Any]:
        content = {
            "channels": [_channel_to(channel) for channel in channels.channels],
            "sent_times": [time.isoformat() for time in channels.sent_times],
        }
        sealed = self._sealer.seal(json.dumps(content).encode(), _context(channels.patient_id, channels.revision))
        return {"_id": channels.patient_id, "channels": Binary(sealed), "revision": channels.revision}

    def _opened(self, row: dict[str, Any]) -> ContactChannels:
        content = json.loads(self._sealer.unseal(bytes(row["channels"]), _context(row["_id"], row["revision"])))
        return ContactChannels(
            patient_id=row["_id"],
            channels=tuple(_channel_from(channel) for channel in content["channels"]),
            sent_times=tuple(datetime.fromisoformat(time) for time in content["sent_times"]),
            revision=row["revision"],
        )


def _channel_to(channel: ContactChannel) -> dict[str, Any]:
    code = channel.code
    return {
        "id": channel.id,
        "kind": channel.kind.value,
        "address": channel.address,
        "code": None if code is None else {"mark": code.mark.hex(), "expire_time": code.expire_time.isoformat(), "wrong": code.wrong},
        "verify_time": None if channel.verify_time is None else channel.verify_time.isoformat(),
        "is_undeliverable": channel.is_undeliverable,
    }


def _channel_from(stored: dict[str, Any]) -> ContactChannel:
    code, verified = stored["code"], stored["verify_time"]
    return ContactChannel(
        id=stored["id"],
        kind=ChannelKind(stored["kind"]),
        address=stored["address"],
        code=code
        and SentCode(
            mark=bytes.fromhex(code["mark"]),
            expire_time=datetime.fromisoformat(code["expire_time"]),
            wrong=code["wrong"],
        ),
        verify_time=verified and datetime.fromisoformat(verified),
        is_undeliverable=stored["is_undeliverable"],
    )


def _context(patient_id: str, revision: int) -> Context:
    return Context(_COLLECTION, "channels", subject=patient_id, version=revision)
