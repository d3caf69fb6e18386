"""Who acts in the call in hand: the asker of the rules, and what its events and idempotency are recorded under."""

from dataclasses import dataclass

from carnet_platform.calls import Call, User, current_call, current_user
from carnet_platform.identifiers import check_request_id
from google.protobuf.message import Message

from carnet_consent.domain.asker import Asker

DISPATCH_CLAIM = "regulation"
"""The token's claim for the right to regulate emergency calls (Acces_Regulation_Medicale of Pro Sante Connect)."""


@dataclass(frozen=True, slots=True)
class Acting:
    """The user of a call, with the call's own names."""

    asker: Asker
    fences: tuple[str, ...]
    """What may have been withdrawn: session, person, structure, activity, certificate."""
    software: str
    method: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Write:
    """A request that changes something: a retry with the same identifier and content gets the first answer."""

    acting: Acting
    request_id: str
    content: bytes


def acting() -> Acting:
    """Who acts now. Raises Unauthenticated when the call came without a user."""
    call, user = current_call(), current_user()
    return Acting(_asker(user), _fences(user), _software(call, user), call.method, call.trace_id)


def writing(request: Message, request_id: str) -> Write:
    """Who asks for this change. Raises InvalidArgument unless the request identifier is a UUID."""
    return Write(acting(), check_request_id(request_id), request.SerializeToString(deterministic=True))


def _asker(user: User) -> Asker:
    return Asker(
        subject=user.subject,
        role=user.role,
        structure=user.organisation,
        purpose=user.purpose,
        is_dispatch_doctor=user.claims.get(DISPATCH_CLAIM) is True,
    )


def _fences(user: User) -> tuple[str, ...]:
    names = [user.session, user.subject, f"certificates/{user.presenter}"]
    if user.organisation:
        names.append(user.organisation)
        names.append(f"activities/{user.subject.partition('/')[2]}/{user.organisation.partition('/')[2]}")
    return tuple(name for name in names if name)


def _software(call: Call, user: User) -> str:
    return user.software or call.caller.name
