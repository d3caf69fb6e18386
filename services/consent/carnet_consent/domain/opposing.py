"""Opposing the feeding of the record: by an author, by a class of documents, or both, for a time or for good (CSP R1111-47).

The holder opposes what is not deposited yet; what is deposited she masks or hides. One deposit is opposed by its author, its class and an
end: this doctor's report of today. The legal limit: once a professional is authorised, she opposes the feeding of useful data by him for
a legitimate reason alone. So an opposition that reaches somebody who is authorised, by name or because it names no author, needs its
reason in words, which he is not told. Whether the reason is legitimate is not for a machine to judge: it stands in the history.

Authorising later somebody whom an opposition names does not end it: she said it of him. Her own deposits, and those of who acts for her,
are nobody's to oppose.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import Consent, DepositOpposition, StatementKind
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import MOTIVE_LENGTH, check_holder

MOST_OPPOSITIONS = 100
"""How many oppositions a record holds: each is looked at when a deposit is decided."""


@dataclass(frozen=True, slots=True)
class OppositionWish:
    """What the holder asks to oppose."""

    author: str
    """`professionals/{p}` or `structures/{s}`; empty for every author."""
    document_class: str
    """A class of JDV_J57; empty for every class."""
    end: datetime | None
    reason: str


def oppose(
    consent: Consent, asker: Asker, wish: OppositionWish, habilitation: Habilitation, now: datetime, *, opposition_id: str
) -> tuple[Consent, DepositOpposition]:
    """Oppose deposits. Refuses one that opposes everything, an unknown class, an end that is past, and a missing reason."""
    check_holder(asker, consent)
    if not wish.author and not wish.document_class:
        raise RuleBrokenError(
            "INVALID_FIELD", "name an author or a class: the whole record is closed, not opposed", field="opposition.author"
        )
    if wish.document_class and wish.document_class not in habilitation.classes.values():
        raise RuleBrokenError("INVALID_FIELD", "must be a class of JDV_J57", field="opposition.document_class")
    if wish.end is not None and wish.end <= now:
        raise RuleBrokenError("INVALID_FIELD", "must be in the future", field="opposition.end_time")
    _check_reason(consent, wish, now)
    kept = tuple(one for one in consent.oppositions if one.is_in_force(now))
    if len(kept) >= MOST_OPPOSITIONS:
        raise RuleBrokenError("STATE_FORBIDS", f"A record holds at most {MOST_OPPOSITIONS} oppositions.")
    made = DepositOpposition(opposition_id, wish.author, wish.document_class, wish.end)
    return replace(consent, oppositions=(*kept, made)), made


def allow(consent: Consent, asker: Asker, opposition_id: str, now: datetime) -> tuple[Consent, DepositOpposition]:
    """Take an opposition back."""
    check_holder(asker, consent)
    found = next((one for one in consent.oppositions if one.id == opposition_id and one.is_in_force(now)), None)
    if found is None:
        raise RuleBrokenError("NOT_FOUND", "There is no such opposition.")
    return replace(consent, oppositions=tuple(one for one in consent.oppositions if one is not found)), found


def is_opposed(consent: Consent, asker: Asker, now: datetime) -> bool:
    """Whether every deposit by the asker, or for the structure he acts for, is opposed."""
    return any(one.author in asker.grantees and not one.document_class and one.is_in_force(now) for one in consent.oppositions)


def opposed_classes(consent: Consent, asker: Asker, now: datetime) -> frozenset[str]:
    """The classes of which the asker may deposit nothing."""
    speaking = (one for one in consent.oppositions if one.is_in_force(now) and (not one.author or one.author in asker.grantees))
    return frozenset(one.document_class for one in speaking if one.document_class)


def _check_reason(consent: Consent, wish: OppositionWish, now: datetime) -> None:
    if len(wish.reason) > MOTIVE_LENGTH:
        raise RuleBrokenError("INVALID_FIELD", f"must have at most {MOTIVE_LENGTH} characters", field="opposition.reason")
    is_authorised = any(one.kind is not StatementKind.BLOCK for one in consent.in_force_about(wish.author, now))
    if (is_authorised or not wish.author) and not any(character.isalpha() for character in wish.reason):
        message = "must say for which legitimate reason: it reaches somebody who is authorised"
        raise RuleBrokenError("INVALID_FIELD", message, field="opposition.reason")
