"""The text of an entry as it is sealed: JSON lists in a fixed order, instants as microseconds since 1970.

A stored format of its own, so that a change of the contract never rewrites what is kept. Fields may be added at the end of a list
and are then absent from older ones; they are never reordered or removed.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from carnet_documents.domain.entry import Author, Code, DepositWarning, Entry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _from_code(code: Code | None) -> list[str] | None:
    return None if code is None else [code.code, code.system, code.display]


def _to_code(parts: list[str] | None) -> Code | None:
    return None if parts is None else Code(*parts)


def _from_author(author: Author | None) -> list[Any] | None:
    if author is None:
        return None
    specialty = _from_code(author.specialty)
    return [author.identifier, author.family_name, author.given_name, specialty, author.institution, author.institution_identifier]


def _to_author(parts: list[Any] | None) -> Author | None:
    return None if parts is None else Author(parts[0], parts[1], parts[2], _to_code(parts[3]), parts[4], parts[5])


def _from_instant(instant: datetime | None) -> int | None:
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND


def _to_instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def encode(entry: Entry) -> bytes:
    """The text to seal."""
    parts = [
        entry.unique_id,
        _from_code(entry.type),
        _from_code(entry.document_class),
        _from_code(entry.format),
        entry.mime_type,
        entry.language_code,
        entry.title,
        entry.confidentiality,
        _from_instant(entry.creation_time),
        entry.size,
        entry.sha256,
        _from_instant(entry.deposit_time),
        entry.depositor,
        [_from_author(author) for author in entry.authors],
        _from_author(entry.legal_authenticator),
        _from_code(entry.facility_type),
        _from_code(entry.practice_setting),
        _from_instant(entry.service_start_time),
        _from_instant(entry.service_stop_time),
        [_from_code(code) for code in entry.event_codes],
        entry.replaces,
        [[warning.code, warning.message] for warning in entry.warnings],
    ]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()


def decode(text: bytes) -> Entry:
    """The entry of an unsealed text."""
    parts = json.loads(text)
    return Entry(
        unique_id=parts[0],
        type=Code(*parts[1]),
        document_class=Code(*parts[2]),
        format=Code(*parts[3]),
        mime_type=parts[4],
        language_code=parts[5],
        title=parts[6],
        confidentiality=parts[7],
        creation_time=_EPOCH + timedelta(microseconds=parts[8]),
        size=parts[9],
        sha256=parts[10],
        deposit_time=_EPOCH + timedelta(microseconds=parts[11]),
        depositor=parts[12],
        authors=tuple(author for one in parts[13] if (author := _to_author(one)) is not None),
        legal_authenticator=_to_author(parts[14]),
        facility_type=_to_code(parts[15]),
        practice_setting=_to_code(parts[16]),
        service_start_time=_to_instant(parts[17]),
        service_stop_time=_to_instant(parts[18]),
        event_codes=tuple(Code(*code) for code in parts[19]),
        replaces=parts[20],
        warnings=tuple(DepositWarning(*warning) for warning in parts[21]),
    )
