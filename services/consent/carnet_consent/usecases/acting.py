"""Who acts in the call in hand: the asker of the rules, and what its events and idempotency are recorded under."""

from dataclasses import dataclass

from carnet_platform.calls import Call, User, current_call, current_user
from carnet_platform.idempotency import Asked, Repeatable, asked

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.token_names import names_of
from carnet_consent.usecases.mandates import mandate_of

DISPATCH_CLAIM = "regulation"
"""The token's claim for the right to regulate emergency calls (Acces_Regulation_Medicale of Pro Sante Connect)."""
AUTHENTICATION_CLAIM = "auth"
"""The token's claim for who vouches for its user in the place of an identity provider (rules.md 11)."""
ASSURANCE_CLAIM = "acr"
"""The token's claim for how surely its user logged in, as identity checked it against its table of levels."""
MANDATE_CLAIM = "mandate"
"""The token's claim for the mandate (`mandates/{mandate}`) under which a person acts for another."""


@dataclass(frozen=True, slots=True)
class Acting:
    """The user of a call, with the call's own names."""

    asker: Asker
    fences: tuple[str, ...]
    """What may have been withdrawn (`domain/token_names.py`)."""
    software: str
    trace_id: str
    authentication: str = ""
    """Who vouches for the user where no identity provider does (`Actor.authentication`)."""
    session: str = ""
    """`sessions/{s}` of the user; empty where a background job acts."""
    assurance: str = ""
    """The level of assurance of the login (`acr`); empty where no identity provider vouches for one."""


@dataclass(frozen=True, slots=True)
class Write:
    """A request that changes something: who acts, and the request by which a retry is known."""

    acting: Acting
    asked: Asked


def acting() -> Acting:
    """Who acts now. Raises Unauthenticated when the call came without a user."""
    call, user = current_call(), current_user()
    vouched = str(user.claims.get(AUTHENTICATION_CLAIM, ""))
    return Acting(
        _asker(user),
        _fences(call, user),
        _software(call, user),
        call.trace_id,
        vouched,
        user.session,
        str(user.claims.get(ASSURANCE_CLAIM, "")),
    )


def writing(request: Repeatable) -> Write:
    """Who asks for this change. Raises InvalidArgument unless the request identifier is a UUID."""
    return Write(acting(), asked(request))


def _asker(user: User) -> Asker:
    return Asker(
        subject=user.subject,
        role=user.role,
        structure=user.organisation,
        purpose=user.purpose,
        is_dispatch_doctor=user.claims.get(DISPATCH_CLAIM) is True,
        mandate=mandate_of(user.claims),
    )


def _fences(call: Call, user: User) -> tuple[str, ...]:
    return names_of(
        session=user.session,
        subject=user.subject,
        organisation=user.organisation,
        mandate=str(user.claims.get(MANDATE_CLAIM, "")),
        certificates=(user.presenter, call.caller.thumbprint),
        callers=(user.software, call.caller.name),
    )


def _software(call: Call, user: User) -> str:
    return user.software or call.caller.name
