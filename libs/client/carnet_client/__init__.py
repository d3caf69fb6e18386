"""A typed gRPC client of Carnet for software written in Python.

``Connection`` holds the channels of one piece of software, opened with its certificate; ``UserSession`` speaks for one user through it.
"""

from carnet_client.connection import Connection, Targets
from carnet_client.refusals import Refused
from carnet_client.user_session import Deposit, LoggedIn, ReadDocument, UserSession, request_id

__all__ = ["Connection", "Deposit", "LoggedIn", "ReadDocument", "Refused", "Targets", "UserSession", "request_id"]
