"""Puts AdminService together, for main: the frame of two people, and the works that operators may want of identity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files

from carnet.identity.v1 import admin_service_pb2_grpc as admin_grpc
from carnet_platform.callers import CallerTable
from carnet_platform.changes import ChangeLog
from carnet_platform.idempotency import Requests
from carnet_platform.journal import Journal
from carnet_platform.mongo import Client, Database
from carnet_platform.operations import Operations, OperationStore, Times, Work
from carnet_platform.platform import Platform
from carnet_platform.server import Served
from carnet_recording.operations import tell_operations

from carnet_identity.admin_settings import AdminSettings
from carnet_identity.api.administration import AdminServicer
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.sessions import SessionStore
from carnet_identity.storage.stops import StopStore
from carnet_identity.usecases.acting_operator import ActingOperator
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import OPERATION_REFUSED, OWN_NAME
from carnet_identity.usecases.record_refusals import RefusalRecorder
from carnet_identity.usecases.renew_stops import RenewStops
from carnet_identity.usecases.stop import ResumeWork, StopWork
from carnet_identity.usecases.withdraw import Withdraw


@dataclass(frozen=True, slots=True, kw_only=True)
class Operated:
    """What operators' work is done on."""

    client: Client
    database: Database
    stops: StopStore
    sessions: SessionStore
    patients: PatientStore
    directory: DirectoryStore
    due: DueWithdrawals
    changes: ChangeLog
    requests: Requests
    journal: Journal


async def administration(
    platform: Platform, settings: AdminSettings, on: Operated, withdraw: Withdraw, *, tokens_live: timedelta
) -> Served:
    """AdminService, with its background work begun."""
    keys, clock = platform.keys(), platform.clock
    works: dict[str, Work] = {
        "stop": StopWork(on.stops, on.sessions, on.due, withdraw, on.changes, _exists(on), clock, tokens_live=tokens_live),
        "resume": ResumeWork(on.stops, on.changes, clock),
    }
    times = Times(
        lapses_after=settings.operation_lapses_after,
        resumed_after=settings.operation_resumed_after,
        looks_every=settings.operations_every,
    )
    store = await OperationStore.open(on.database, keys, on.changes)
    operations = Operations(
        on.client, store, on.changes, on.requests, works, tell_operations(OWN_NAME, clock), keys=keys, clock=clock, times=times
    )
    platform.background("operations", operations.run)
    renew = RenewStops(on.stops, on.due, clock, settings.certificate_stops_every, kept=settings.certificate_stop_kept)
    platform.background("stopped certificates", renew.run)
    refusals = RefusalRecorder(on.journal, clock, OPERATION_REFUSED)
    platform.background("refused operations", refusals.run)
    platform.on_stop(refusals.close)
    servicer = AdminServicer(operations, ActingOperator(ActingUser(on.sessions, on.due)), refusals)
    return Served("carnet.identity.v1.AdminService", admin_grpc.add_AdminServiceServicer_to_server, servicer)


def _exists(on: Operated) -> dict[str, Callable[[str], Awaitable[bool]]]:
    async def is_session(one: str) -> bool:
        return await on.sessions.find(one) is not None

    async def is_patient(one: str) -> bool:
        return await on.patients.find(one) is not None

    async def is_professional(one: str) -> bool:
        return bool(await on.directory.professionals_of([one]))

    async def is_structure(one: str) -> bool:
        return bool(await on.directory.structures_of([one]))

    table = CallerTable.load(files("carnet") / "callers.toml")

    async def is_caller(one: str) -> bool:
        return table.has(f"spiffe://carnet/{one}")

    return {
        "sessions": is_session,
        "patients": is_patient,
        "professionals": is_professional,
        "structures": is_structure,
        "callers": is_caller,
    }
