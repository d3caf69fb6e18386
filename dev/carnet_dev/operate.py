"""What an operator does at a running system, from the command line: stop, resume, hold, lift a hold, approve, decline, list.

`python -m carnet_dev.operate olga stop professionals/x --reason "stolen card"` logs Olga in at the development identity provider and
proposes; `python -m carnet_dev.operate omar approve operations/y` is the second person. Every line printed is an operation. Holds are
operations of consent: `--service consent` approves, declines and lists those.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from carnet.common.v1.operation_pb2 import Operation, OperationState
from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1 import admin_service_pb2 as of_consent
from carnet.identity.v1 import admin_service_pb2 as of_identity
from carnet_client import Refused, UserSession, request_id
from carnet_client.refusals import telling_refusals

from carnet_dev.local_run import LocalRun, NotRunningError
from carnet_dev.login import LoginError

SOFTWARE = "operations"
PATIENCE_SECONDS = 20
Verb = Callable[[UserSession, argparse.Namespace], Awaitable[list[Operation]]]


async def propose(session: UserSession, options: argparse.Namespace) -> list[Operation]:
    """Stop, resume, hold or lift something; in an emergency a stop or a hold is done at once."""
    admin, of = _admin(session, options)
    request = of.ProposeOperationRequest(
        request_id=request_id(), kind=options.verb, target=options.name, reason=options.reason, emergency=options.emergency
    )
    return [(await _call(session, admin.ProposeOperation, request)).operation]


async def approve(session: UserSession, options: argparse.Namespace) -> list[Operation]:
    """Approve what another proposed; it is done when this returns."""
    admin, of = _admin(session, options)
    request = of.ApproveOperationRequest(request_id=request_id(), operation=options.name)
    return [(await _call(session, admin.ApproveOperation, request)).operation]


async def decline(session: UserSession, options: argparse.Namespace) -> list[Operation]:
    """Decline what another proposed."""
    admin, of = _admin(session, options)
    request = of.DeclineOperationRequest(request_id=request_id(), operation=options.name)
    return [(await _call(session, admin.DeclineOperation, request)).operation]


async def list_newest(session: UserSession, options: argparse.Namespace) -> list[Operation]:
    """The newest operations."""
    admin, of = _admin(session, options)
    return list((await _call(session, admin.ListOperations, of.ListOperationsRequest())).operations)


HOLDS = {"hold": propose, "lift_hold": propose}
VERBS: dict[str, Verb] = {"stop": propose, "resume": propose, **HOLDS, "approve": approve, "decline": decline, "list": list_newest}


def _admin(session: UserSession, options: argparse.Namespace) -> tuple[Any, Any]:
    """The AdminService that is meant, and its messages: those of both services are alike."""
    if options.verb in HOLDS or options.service == "consent":
        return session.connection.consent_admin, of_consent
    return session.connection.identity_admin, of_identity


async def _call(session: UserSession, method: Callable[..., Any], request: object) -> Any:  # noqa: ANN401  # the method's own answer
    with telling_refusals():
        return await method(request, metadata=await session.metadata(), timeout=PATIENCE_SECONDS)


def line(operation: Operation) -> str:
    """An operation on one line."""
    state = OperationState.Name(operation.state).removeprefix("OPERATION_STATE_").lower()
    words = [operation.name, operation.kind, operation.target, state]
    if operation.emergency:
        words.append("at once")
    if state == "proposed":
        words.append(f"until {operation.expire_time.ToDatetime():%Y-%m-%d %H:%M} UTC")
    return "  ".join(words)


async def _run(options: argparse.Namespace) -> None:
    run = LocalRun.find(options.folder)
    async with run.client(SOFTWARE) as connection:
        session = await run.session(connection, options.user, purpose=PurposeOfUse.PURPOSE_OF_USE_OPERATIONS)
        for operation in await VERBS[options.verb](session, options):
            sys.stdout.write(f"{line(operation)}\n")


def main() -> int:
    """Do one thing; 1 when it is refused."""
    parser = argparse.ArgumentParser(description="Operate a local run")
    parser.add_argument("user", help="an operator of the login page: olga, omar")
    parser.add_argument("verb", choices=sorted(VERBS))
    parser.add_argument("name", nargs="?", default="", help="what to stop, hold or the like, or the operation to approve or decline")
    parser.add_argument("--reason", default="", help="why, in a sentence; the holder reads that of a hold")
    parser.add_argument("--emergency", action="store_true", help="stop or hold at once, to be confirmed by another within a day")
    parser.add_argument(
        "--service", choices=("identity", "consent"), default="identity", help="whose operations to approve, decline or list"
    )
    parser.add_argument("--folder", type=Path, default=Path("var"), help="folder of the running system (default: var)")
    try:
        asyncio.run(_run(parser.parse_args()))
    except (Refused, LoginError, NotRunningError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
