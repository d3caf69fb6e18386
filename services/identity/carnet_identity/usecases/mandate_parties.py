"""Who may do what with a mandate. A mandate of others is answered as one that was never given (NOT_FOUND).

A professional acts in care, an administrative system under its own certificate: both register on evidence. A person acts at her own
request: as the holder, as the mandatary, or as a representative of the holder. An emergency leaves no mandate behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from carnet_platform.calls import User
from carnet_platform.errors import Denied, NotFound

from carnet_identity.domain.mandate import Mandate, MandateKind, MandateState

_TREATMENT, _HERSELF, _SYSTEM = "TREATMENT", "PATIENT_REQUEST", "SYSTEM_DEPOSIT"


def is_person(user: User) -> bool:
    """Whether a person acts, at her own request."""
    return user.subject.startswith("patients/") and user.purpose == _HERSELF


def is_professional(user: User) -> bool:
    """Whether a professional acts, by name and in care."""
    return user.subject.startswith("professionals/") and user.purpose == _TREATMENT


def check_may_register(user: User) -> None:
    """A professional in care, or an administrative system.

    Raises:
        Denied: ROLE_NOT_ALLOWED.
    """
    is_system = user.subject.startswith("structures/") and user.purpose == _SYSTEM
    if not (is_professional(user) or is_system):
        raise Denied("ROLE_NOT_ALLOWED", "a professional in care or an administrative system registers a mandate")


def check_is_person(user: User) -> None:
    """A person at her own request.

    Raises:
        Denied: ROLE_NOT_ALLOWED.
    """
    if not is_person(user):
        raise Denied("ROLE_NOT_ALLOWED", "a person invites and answers at her own request")


def represents(subject: str, holder: str, of_holder: Iterable[Mandate], now: datetime) -> bool:
    """Whether a person now represents the holder of these mandates."""
    return any(one.mandatary == subject and one.represents(holder, now) for one in of_holder)


def may_invite(subject: str, holder: str, kind: MandateKind, of_holder: Iterable[Mandate], now: datetime) -> bool:
    """A representative of a minor invites a second one; the holder or any representative invites a caregiver."""
    if kind is MandateKind.CAREGIVING:
        return subject == holder or represents(subject, holder, of_holder, now)
    own = [one for one in of_holder if one.kind is MandateKind.MINOR_REPRESENTATION]
    return kind is MandateKind.MINOR_REPRESENTATION and represents(subject, holder, own, now)


def check_may_read(user: User, mandate: Mandate, of_holder: Iterable[Mandate], now: datetime) -> None:
    """The holder, the mandatary, and the representatives of the holder."""
    is_party = user.subject in {mandate.holder, mandate.mandatary}
    if not is_person(user) or not (is_party or represents(user.subject, mandate.holder, of_holder, now)):
        raise absent()


def check_may_suspend(user: User, mandate: Mandate, of_holder: Iterable[Mandate], now: datetime) -> None:
    """The holder, another representative, or a professional who sees a danger."""
    if is_professional(user):
        return
    check_may_read(user, mandate, of_holder, now)
    if user.subject == mandate.mandatary:
        raise Denied("ROLE_NOT_ALLOWED", "a mandatary ends her own mandate; others suspend it")


def check_may_end(user: User, mandate: Mandate, of_holder: Iterable[Mandate], *, is_minor: bool, now: datetime) -> None:
    """The mandatary; the holder a caregiver's, and her parents' once she is of age; a representative a caregiver's.

    An invitation is ended by whoever made it, too. A representation that the law or a judge gave is not ended by whom it protects: she can
    suspend it.
    """
    check_may_read(user, mandate, of_holder, now)
    is_invitation = mandate.state is MandateState.PENDING and user.subject == mandate.made_by
    is_over_age = mandate.kind is MandateKind.MINOR_REPRESENTATION and not is_minor
    by_holder = user.subject == mandate.holder and is_over_age
    if not (user.subject == mandate.mandatary or is_invitation or by_holder or mandate.kind is MandateKind.CAREGIVING):
        raise Denied("ROLE_NOT_ALLOWED", "this representation is not ended by this user")


def absent() -> NotFound:
    """The refusal for a mandate that is not there, or is nobody's business of this user."""
    return NotFound("NOT_FOUND", "there is no such mandate", field="mandate")
