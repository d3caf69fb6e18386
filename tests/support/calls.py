"""Calls in hand for use cases that are called without gRPC: what the interceptors would have learned of a user and her software."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from carnet_platform.calls import Call, Caller, User, current

THUMBPRINT = "thumbprint"


def user_of(
    subject: str,
    *,
    role: str = "10",
    organisation: str = "structures/practice",
    purpose: str = "TREATMENT",
    session: str = "sessions/s1",
    software: str = "spiffe://carnet/software/gp",
    presenter: str = THUMBPRINT,
    claims: Mapping[str, Any] | None = None,
) -> User:
    """A user with a token that is good for five minutes."""
    return User(
        subject=subject,
        role=role,
        specialty="",
        organisation=organisation,
        purpose=purpose,
        session=session,
        software=software,
        presenter=presenter,
        token="token",  # noqa: S106 - no secret
        token_digest="00",  # noqa: S106
        expire_time=datetime.now(UTC) + timedelta(minutes=5),
        claims=claims or {},
    )


def patient_of(patient: str, *, session: str, software: str) -> User:
    """A person who acts for herself."""
    return user_of(patient, role="PATIENT", organisation="", purpose="PATIENT_REQUEST", session=session, software=software)


@contextmanager
def calling(user: User, *, method: str = "/carnet.test.v1.Test/Call", bringer: str = THUMBPRINT) -> Iterator[None]:
    """Within, the call in hand is this user's; ``bringer`` is the thumbprint of the certificate it came with."""
    reset = current.set(Call(method, "request", Caller(user.software, bringer), user, None, "0" * 32, ""))
    try:
        yield
    finally:
        current.reset(reset)
