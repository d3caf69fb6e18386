"""Puts identity together and runs it: the only module that knows every other."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
from carnet.audit.v1.audit_service_pb2_grpc import AuditServiceStub
from carnet.consent.v1.withdrawal_service_pb2_grpc import WithdrawalServiceStub
from carnet.identity.v1 import directory_service_pb2_grpc as directory_grpc
from carnet.identity.v1 import patient_reference_service_pb2_grpc as reference_grpc
from carnet.identity.v1 import patient_registry_service_pb2_grpc as registry_grpc
from carnet.identity.v1 import session_service_pb2_grpc as session_grpc
from carnet_platform.changes import ChangeLog
from carnet_platform.idempotency import Requests
from carnet_platform.journal import Journal
from carnet_platform.mongo import Client
from carnet_platform.platform import Platform
from carnet_platform.process import run
from carnet_platform.server import Served
from carnet_platform.settings import SettingsError
from carnet_platform.shipping import Shipper
from carnet_recording.emergencies import EMERGENCIES
from carnet_recording.refused_calls import record_refused_calls
from carnet_recording.sender import AuditSender

from carnet_identity.api.directory import DirectoryServicer
from carnet_identity.api.patient_reference import PatientReferenceServicer
from carnet_identity.api.patient_registry import PatientRegistryServicer
from carnet_identity.api.sessions import SessionServicer
from carnet_identity.api.signing_keys import SigningKeyServicer
from carnet_identity.clients.identity_provider import ProviderSignatures
from carnet_identity.clients.withdrawals import ConsentFence
from carnet_identity.domain.assertion import AssertionRules
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.purposes import PurposeTable, read_purposes
from carnet_identity.domain.systems import System, read_systems
from carnet_identity.settings import IdentitySettings
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.presented_assertions import PresentedAssertions
from carnet_identity.storage.sessions import SessionStore
from carnet_identity.storage.signing_keys import SigningKeys
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.consult_directory import ConsultDirectory
from carnet_identity.usecases.exchange_assertion import ExchangeAssertion, Users
from carnet_identity.usecases.exchange_certificate import ExchangeCertificate
from carnet_identity.usecases.import_directory import ImportDirectory
from carnet_identity.usecases.lookup_patient import LookupPatient
from carnet_identity.usecases.open_session import OpenSession
from carnet_identity.usecases.record_refusals import RefusalRecorder
from carnet_identity.usecases.refer_to_patient import ReferToPatient
from carnet_identity.usecases.register_patient import RegisterPatient
from carnet_identity.usecases.revoke_session import RevokeSession
from carnet_identity.usecases.tell_withdrawals import TellWithdrawals

T = TypeVar("T")
_PACKAGE = "carnet.identity.v1"
_DATA = files("carnet_identity") / "data"


@dataclass(frozen=True, slots=True)
class Tables:
    """What identity is told in data files."""

    purposes: PurposeTable
    systems: Mapping[str, System]


@dataclass(frozen=True, slots=True)
class Stores:
    """What identity keeps, opened."""

    client: Client
    patients: PatientStore
    directory: DirectoryStore
    sessions: SessionStore
    due: DueWithdrawals
    presented: PresentedAssertions
    changes: ChangeLog
    requests: Requests
    journal: Journal


async def serve(platform: Platform) -> None:
    """Opens, imports, registers and serves until told to stop."""
    settings = cast("IdentitySettings", platform.settings)
    signer, tables, directory = _signer(settings), _tables(settings), _read_directory(settings)  # all files, before a store is waited for
    stores = await _open_stores(platform, settings)
    _ship_events(platform, settings, stores)
    await _import_directory(platform, settings, stores, directory)
    await stores.presented.prepare()
    fence = ConsentFence(platform.peer(settings.consent_target, WithdrawalServiceStub, "consent"))
    teller = TellWithdrawals(stores.due, fence, platform.clock, settings.withdrawals_every)
    platform.background("withdrawals", teller.run)
    platform.call_by(files("carnet") / "callers.toml")
    platform.always_trace(EMERGENCIES)

    async def own_keys() -> str:
        return signer.published()

    platform.trust_tokens(own_keys)
    sessions = _sessions(platform, settings, stores, signer, fence, tables)
    await platform.serve(
        Served(
            f"{_PACKAGE}.PatientRegistryService", registry_grpc.add_PatientRegistryServiceServicer_to_server, _registry(platform, stores)
        ),
        Served(
            f"{_PACKAGE}.PatientReferenceService",
            reference_grpc.add_PatientReferenceServiceServicer_to_server,
            PatientReferenceServicer(ReferToPatient(stores.patients)),
        ),
        Served(
            f"{_PACKAGE}.DirectoryService",
            directory_grpc.add_DirectoryServiceServicer_to_server,
            DirectoryServicer(ConsultDirectory(stores.directory)),
        ),
        Served(f"{_PACKAGE}.SessionService", session_grpc.add_SessionServiceServicer_to_server, sessions),
        Served(f"{_PACKAGE}.SigningKeyService", session_grpc.add_SigningKeyServiceServicer_to_server, SigningKeyServicer(signer)),
    )


def _signer(settings: IdentitySettings) -> SigningKeys:
    try:
        return SigningKeys.load(settings.token_key_folder)
    except OSError as error:
        raise SettingsError(f"CARNET_TOKEN_KEY_FOLDER: {error.filename}: {error.strerror}") from None


async def _open_stores(platform: Platform, settings: IdentitySettings) -> Stores:
    keys, redis = platform.keys(), await platform.redis()
    if redis is None:
        raise SettingsError("CARNET_REDIS_URL_FILE: missing; set it: Redis tells whether an assertion was presented before")
    client = await platform.mongo()
    database = client.get_default_database()
    collections = await open_collections(database)
    sessions = SessionStore(collections.sessions)
    return Stores(
        client=client,
        patients=PatientStore(collections.patients, keys),
        directory=DirectoryStore(collections.professionals, collections.structures, keys),
        sessions=sessions,
        due=DueWithdrawals(collections.due_withdrawals),
        presented=PresentedAssertions(redis, keys, sessions, platform.clock, settings.redis_patience),
        changes=await ChangeLog.open(database, keys),
        requests=await Requests.open(database, keys),
        journal=await Journal.open(database, keys, platform.clock, service=platform.name),
    )


def _read_directory(settings: IdentitySettings) -> Any:  # noqa: ANN401  # whatever JSON the file holds; None without a file
    if settings.directory_file is None:
        return None
    try:
        return json.loads(settings.directory_file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"CARNET_DIRECTORY_FILE: {settings.directory_file}: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"CARNET_DIRECTORY_FILE: {settings.directory_file} is not JSON in UTF-8") from None


async def _import_directory(platform: Platform, settings: IdentitySettings, stores: Stores, document: Any) -> None:  # noqa: ANN401  # as above
    if settings.directory_file is None:
        return
    try:
        importing = ImportDirectory(stores.directory, stores.due, most_withdrawn=settings.directory_withdrawn_share)
        report = await importing(document, tokens_end=_tokens_end(platform, settings))
    except ValueError as error:
        # Of a BrokenRule the text is ours; of anything else it might quote the file.
        raise SettingsError(f"CARNET_DIRECTORY_FILE: {error if isinstance(error, BrokenRule) else type(error).__name__}") from None
    for line in report.refused:
        platform.logger.warning("directory.line_refused", place=line.place, field=line.field, rule=line.rule)
    platform.logger.info(
        "directory.imported",
        structures=report.structures,
        professionals=report.professionals,
        changed=report.changed_professionals,
        withdrawn_professionals=report.withdrawn_professionals,
        withdrawn_activities=report.withdrawn_activities,
        refused=len(report.refused),
    )


def _tokens_end(platform: Platform, settings: IdentitySettings) -> datetime:
    # A minute for the import itself: tokens are given for the old activities until it is done.
    return platform.clock.now() + settings.token_lifetime + settings.clock_tolerance + timedelta(minutes=1)


def _registry(platform: Platform, stores: Stores) -> PatientRegistryServicer:
    acting = ActingUser(stores.sessions, stores.due)
    register = RegisterPatient(stores.client, stores.patients, acting, stores.changes, stores.requests, platform.clock)
    lookup = LookupPatient(stores.patients, acting, stores.journal, platform.clock)
    return PatientRegistryServicer(register, lookup, platform.clock, is_production=platform.settings.environment == "production")


def _sessions(
    platform: Platform, settings: IdentitySettings, stores: Stores, signer: SigningKeys, fence: ConsentFence, tables: Tables
) -> SessionServicer:
    open_session = OpenSession(stores.sessions, signer, platform.clock, settings.token_lifetime)
    revoke = RevokeSession(
        stores.client,
        stores.sessions,
        stores.changes,
        stores.requests,
        stores.due,
        fence,
        platform.clock,
        acknowledge_after=settings.acknowledge_after,
        tolerance=settings.clock_tolerance,
    )
    exchange = ExchangeAssertion(
        _signatures(platform, settings),
        _rules(settings),
        Users(stores.directory, stores.patients),
        tables.purposes,
        stores.presented,
        open_session,
        platform.clock,
        patient_callers=settings.patient_callers,
    )
    refusals = RefusalRecorder(stores.journal, platform.clock)
    platform.background("refusals", refusals.run)
    platform.on_stop(refusals.close)
    by_certificate = ExchangeCertificate(tables.systems, stores.directory, tables.purposes, open_session)
    return SessionServicer(exchange, by_certificate, revoke, refusals)


def _rules(settings: IdentitySettings) -> AssertionRules:
    return AssertionRules(
        audience=settings.assertion_audience,
        professional_issuers=settings.professional_issuers,
        patient_issuers=settings.patient_issuers,
        tolerance=settings.clock_tolerance,
        longest_age=settings.assertion_longest_age,
        is_production=settings.environment == "production",
    )


def _signatures(platform: Platform, settings: IdentitySettings) -> ProviderSignatures:
    # No proxy or certificate of the environment: whom we trust is said by the settings alone.
    http = httpx.AsyncClient(timeout=settings.provider_timeout.total_seconds(), follow_redirects=False, trust_env=False)
    platform.on_stop(http.aclose)
    return ProviderSignatures(
        settings.professional_issuers | settings.patient_issuers,
        frozenset(settings.assertion_algorithms),
        http,
        platform.clock,
        is_plain_http_allowed=settings.environment != "production",
    )


def _ship_events(platform: Platform, settings: IdentitySettings, stores: Stores) -> None:
    sender = AuditSender(platform.peer(settings.audit_target, AuditServiceStub, "audit"))
    shipper = Shipper(stores.journal, stores.changes, sender, platform.clock)
    platform.background("shipping", shipper.run)

    async def drain() -> None:
        await shipper.drain()

    # Awaited in reverse order: what was counted is recorded, the journal closed, the rest shipped.
    platform.on_stop(drain)
    platform.on_stop(stores.journal.close)
    refused_calls = record_refused_calls(stores.journal, platform.clock)
    platform.on_refused_call(refused_calls)
    platform.background("refused calls", refused_calls.run)
    platform.on_stop(refused_calls.close)


def _tables(settings: IdentitySettings) -> Tables:
    return Tables(
        _read(read_purposes, settings.purposes_file, "CARNET_PURPOSES_FILE", "purposes.toml"),
        _read(read_systems, settings.systems_file, "CARNET_SYSTEMS_FILE", "systems.toml"),
    )


def _read(read: Callable[[Mapping[str, Any]], T], file: Path | None, variable: str, delivered: str) -> T:
    try:
        return read(tomllib.loads((_DATA / delivered if file is None else file).read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"{variable}: {file or delivered}: {error.strerror}") from None
    except BrokenRule as error:
        raise SettingsError(f"{variable}: {file or delivered}: {error}") from None
    except ValueError:
        raise SettingsError(f"{variable}: {file or delivered} is not TOML in UTF-8") from None


def main() -> None:
    """Runs the service."""
    run(serve, IdentitySettings, "identity")


if __name__ == "__main__":
    main()
