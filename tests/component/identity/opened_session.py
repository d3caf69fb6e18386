"""The session that a user of a call has, as identity stores it."""

from datetime import datetime, timedelta

from carnet_identity.domain.session import Session
from carnet_platform.calls import User


def session_of(user: User, begin: datetime, *, lasting: timedelta = timedelta(minutes=5)) -> Session:
    """The session that the token of ``user`` names."""
    return Session(
        id=user.session.removeprefix("sessions/"),
        subject=user.subject,
        role=user.role,
        organisation=user.organisation,
        purpose=user.purpose,
        specialty=user.specialty,
        software=user.software,
        presenter=user.presenter,
        begin_time=begin,
        expire_time=begin + lasting,
    )
