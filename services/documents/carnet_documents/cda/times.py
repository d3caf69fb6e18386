"""HL7 time stamps (TS): ``YYYY[MM[DD[HH[MM[SS[.f]]]]]][+-ZZZZ]``; without an offset the hour is that of Europe/Paris."""

import re
from datetime import UTC, datetime, timedelta, timezone

from carnet_documents.domain.visibility import PARIS

_TS = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.\d{1,6})?(?:([+-])(\d{2})(\d{2}))?")


def instant(value: str) -> datetime | None:
    """The instant in UTC, unknown parts as early as they may be; ``None`` when it is no time stamp."""
    match = _TS.fullmatch(value)
    if match is None:
        return None
    year, month, day, hour, minute, second = (
        int(part) if part else least for part, least in zip(match.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)
    )
    sign, hours, minutes = match.groups()[6:]
    zone: timezone | None = None
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        if offset >= timedelta(hours=24):
            return None
        zone = timezone(-offset if sign == "-" else offset)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone or PARIS).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def birth_date(value: str) -> str:
    """The first eight digits of a time stamp, 00 for an unknown day or month; ``""`` when it is none."""
    digits = re.match(r"\d{4}(?:\d{2}){0,2}", value)
    return digits.group().ljust(8, "0") if digits else ""
