"""``python -m carnet_dev.cluster.replica_set``: makes MongoDB's replica set and its users, and finds nothing to do the second time.

The first user of a replica set may only be made from the same machine, and this runs on another. So it comes in as what members are to
each other: `__system`, whose password is the content of the key file. Each database gets one user of its name, who may read and write
it and, because a new version changes the validators of its own collections, administer it; and nothing else.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

REPLICA_SET = "rs0"
_NOT_YET_INITIATED = 94
_ALREADY_INITIATED = 23
_PATIENCE = timedelta(minutes=5)
_PAUSE_SECONDS = 1.0
_ROLES = ("readWrite", "dbAdmin")
Client = MongoClient[dict[str, Any]]


def initialise(members: Sequence[str], key: str, passwords: Mapping[str, str], *, patience: timedelta = _PATIENCE) -> None:
    """Make what is missing of the replica set of `members`; `passwords` by database. Raises TimeoutError."""
    end = time.monotonic() + patience.total_seconds()
    for member in members:
        _until(lambda member=member: _answers(member, key), end, f"{member} to answer")  # type: ignore[misc]
    _until(lambda: _is_initiated(members, key), end, "the replica set")
    with _whole_set(members, key) as client:
        for database, password in sorted(passwords.items()):
            _put_user(client, database, password)


def read_passwords(folder: Path) -> dict[str, str]:
    """The files of a mounted Secret: one a database."""
    return {path.name: path.read_text().strip() for path in folder.iterdir() if not path.name.startswith(".") and path.is_file()}


def _answers(member: str, key: str) -> bool:
    with _one_member(member, key) as client:
        client.admin.command("ping")
    return True


def _is_initiated(members: Sequence[str], key: str) -> bool:
    """Whether it has a primary; initiated here if it never was."""
    with _one_member(members[0], key) as client:
        try:
            status = client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIATED:
                raise
            _initiate(client, members)
            return False
    return any(member["stateStr"] == "PRIMARY" for member in status["members"])


def _initiate(client: Client, members: Sequence[str]) -> None:
    configuration = {"_id": REPLICA_SET, "members": [{"_id": number, "host": host} for number, host in enumerate(members)]}
    try:
        client.admin.command("replSetInitiate", configuration)
    except OperationFailure as error:
        if error.code != _ALREADY_INITIATED:  # somebody else did, in between
            raise


def _put_user(client: Client, database: str, password: str) -> None:
    users = client[database].command("usersInfo", database)["users"]
    roles = [{"role": role, "db": database} for role in _ROLES]
    client[database].command("updateUser" if users else "createUser", database, pwd=password, roles=roles)


def _until(is_done: Callable[[], bool], end: float, what: str) -> None:
    while True:
        try:
            if is_done():
                return
            fault = ""
        except PyMongoError as error:
            fault = f" ({type(error).__name__})"
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}{fault}")
        time.sleep(_PAUSE_SECONDS)


def _one_member(member: str, key: str) -> Client:
    return MongoClient(_url([member], key), directConnection=True, serverSelectionTimeoutMS=2000)


def _whole_set(members: Sequence[str], key: str) -> Client:
    return MongoClient(_url(members, key), replicaSet=REPLICA_SET, w="majority", serverSelectionTimeoutMS=30_000)


def _url(members: Sequence[str], key: str) -> str:
    # The key is of hexadecimal or base64 characters; mongod leaves white space out.
    secret = "".join(key.split()).replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    return f"mongodb://__system:{secret}@{','.join(members)}/?authSource=local&authMechanism=SCRAM-SHA-256"


def main() -> int:
    """Exit code 0 when replica set and users are as they should be, 1 when they could not be made so."""
    parser = argparse.ArgumentParser(prog="replica_set", description="Make the replica set and its users")
    parser.add_argument("--key-file", type=Path, required=True, help="the key file of the members")
    parser.add_argument("--users", type=Path, required=True, help="folder with one file a database, its content the password")
    parser.add_argument("--member", action="append", required=True, help="host:port of a member; the first may become primary")
    options = parser.parse_args()
    try:
        initialise(options.member, options.key_file.read_text(), read_passwords(options.users))
    except (PyMongoError, TimeoutError) as error:
        # By kind: the text of a store's error may quote what was sent.
        sys.stderr.write(f"not initialised: {error if isinstance(error, TimeoutError) else type(error).__name__}\n")
        return 1
    sys.stdout.write("the replica set and its users are as they should be\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
