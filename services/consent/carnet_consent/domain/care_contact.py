"""The care contact: a structure says by its signature that a patient is with one of its professionals now (architecture.md 11).

Who treats somebody must be able to open her record for the first time, however many persons are new to him today. So an opening that
a care contact announced does not count against the opening budget (`budget.py`). It is no right: her consent is needed as ever, and
nothing is told of the record that he would not be told within the budget.

The structure signs, with a key of its own that is registered beforehand (domain.md 1.2: ORG SIGN), who is with whom, and when. A contact
is believed at most ten minutes after its signature, once, for the professional who presents it himself while he acts for that structure
in care. Everything else refuses, and then the budget counts. An emergency needs no contact and is not helped by one (rules.md 10).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.refusal import RuleBrokenError

AUDIENCE = "carnet-care-contact"
MOST_ID = 64
FIELD = "token"
_LATEST = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class Contact:
    """What a structure signed."""

    structure: str
    patient: str
    professional: str
    issued: datetime
    id: str
    """Its `jti`: unlike any other of the structure."""
    expires: datetime | None = None
    """When the structure itself ends it; None when it leaves that to us."""


@dataclass(frozen=True, slots=True)
class ContactTimes:
    """How long a contact is believed, and holds."""

    longest_age: timedelta
    """After its signature it is believed for so long (architecture.md 11: ten minutes)."""
    tolerance: timedelta
    """So far the structure's clock may be ahead."""
    lasts: timedelta
    """Once it is noted, the first opening may follow within this."""


def read_contact(claims: Mapping[str, Any]) -> Contact:
    """What the signed claims say. Refused when one is missing or of another form."""
    if claims.get("aud") != AUDIENCE:
        raise _invalid(f"`aud` must be {AUDIENCE}")
    contact_id = _text(claims, "jti")
    if len(contact_id) > MOST_ID:
        raise _invalid(f"`jti` has at most {MOST_ID} characters")
    return Contact(
        structure=_text(claims, "iss"),
        patient=_text(claims, "sub"),
        professional=_text(claims, "professional"),
        issued=_instant(claims, "iat"),
        id=contact_id,
        expires=_instant(claims, "exp") if "exp" in claims else None,
    )


def check_may_present(asker: Asker) -> None:
    """Refuse whoever is no professional by name, acting for a structure, in care."""
    if not asker.is_named_professional or not asker.structure:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only a professional authenticated by name for a structure presents a care contact.")
    if asker.purpose != Purpose.TREATMENT:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "A care contact is presented in care. In an emergency none is needed.")


def check_contact(contact: Contact, asker: Asker, patient: str, now: datetime, times: ContactTimes) -> None:
    """Refuse a contact of somebody else, and one that is not of now."""
    for is_same, whose in (
        (contact.structure == asker.structure, "structure (`iss`) than the one acted for"),
        (contact.professional == asker.subject, "professional (`professional`) than the one who presents it"),
        (contact.patient == patient, "patient (`sub`) than the one named beside it"),
    ):
        if not is_same:
            raise RuleBrokenError("CARE_CONTACT_MISMATCH", f"is for another {whose}", field=FIELD)
    if contact.issued > now + times.tolerance:
        raise _expired("was signed in the future: set the clock")
    if now - contact.issued > times.longest_age or (contact.expires is not None and contact.expires <= now):
        raise _expired("was signed too long ago, or has expired: sign a new one")


def unknown_key() -> RuleBrokenError:
    """The refusal of a signature that no registered key made."""
    return RuleBrokenError("CARE_CONTACT_KEY_UNKNOWN", "is signed by no key registered for the structure acted for", field=FIELD)


def unreadable(rule: str) -> RuleBrokenError:
    """The refusal of what is no signed contact."""
    return _invalid(rule)


def replayed() -> RuleBrokenError:
    """The refusal of a contact that was presented before."""
    return RuleBrokenError("CARE_CONTACT_REPLAYED", "was presented before: sign a new one", field=FIELD)


def too_many(now: datetime) -> RuleBrokenError:
    """The refusal of contacts beyond the rate, with when the next day (UTC) begins: the budget counts until then."""
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    message = "Too many care contacts today. Records can be opened without, within the opening budget."
    return RuleBrokenError("RATE_LIMITED", message, retry_after=tomorrow - now)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise _invalid(f"`{name}` is required")
    return value


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise _invalid(f"`{name}` is required, in seconds since 1970")
    return datetime.fromtimestamp(value, UTC)


def _invalid(rule: str) -> RuleBrokenError:
    return RuleBrokenError("CARE_CONTACT_INVALID", rule, field=FIELD)


def _expired(rule: str) -> RuleBrokenError:
    return RuleBrokenError("CARE_CONTACT_EXPIRED", rule, field=FIELD)
