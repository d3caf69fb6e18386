"""Puts audit together and runs it: the only module that knows every other."""

from importlib.resources import files

from carnet.audit.v1 import audit_reader_service_pb2_grpc as reader_grpc
from carnet.audit.v1 import audit_service_pb2_grpc as intake_grpc
from carnet.audit.v1 import checkpoint_service_pb2_grpc as checkpoint_grpc
from carnet.consent.v1.access_decision_service_pb2_grpc import AccessDecisionServiceStub
from carnet.identity.v1 import session_service_pb2 as session_pb
from carnet.identity.v1.directory_service_pb2_grpc import DirectoryServiceStub
from carnet.identity.v1.session_service_pb2_grpc import SigningKeyServiceStub
from carnet_platform.journal import Journal
from carnet_platform.platform import Platform
from carnet_platform.process import run
from carnet_platform.server import Served
from carnet_platform.settings import SettingsError
from carnet_platform.shipping import Shipper
from carnet_recording.emergencies import EMERGENCIES
from carnet_recording.refused_calls import record_refused_calls
from carnet_verify.note import Signer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from carnet_audit.api.checkpoints import CheckpointServicer
from carnet_audit.api.intake import AuditServicer
from carnet_audit.api.reader import AuditReaderServicer
from carnet_audit.clients.alarms import raise_alarm
from carnet_audit.clients.consent import Consent
from carnet_audit.clients.directory import DisplayNames
from carnet_audit.settings import AuditSettings
from carnet_audit.storage.collections import Collections, open_collections
from carnet_audit.storage.gaps import GapStore
from carnet_audit.storage.histories import HistoryStore
from carnet_audit.storage.intake import IntakeStore
from carnet_audit.storage.log import LogStore
from carnet_audit.storage.record_keys import RecordKeys
from carnet_audit.usecases.export_history import ExportHistory
from carnet_audit.usecases.own_events import OwnEvents
from carnet_audit.usecases.page_tokens import PageTokens
from carnet_audit.usecases.read_history import ReadHistory
from carnet_audit.usecases.release import HistoryRelease
from carnet_audit.usecases.sequence import Sequencer
from carnet_audit.usecases.ship_own_journal import LocalSender
from carnet_audit.usecases.take_in import TakeIn
from carnet_audit.usecases.watch import GapWatch

SERVICE = "audit"
SHARD = "0"
PACKAGE = "carnet.audit.v1"


async def serve(platform: Platform) -> None:
    """Run audit until it is told to stop."""
    settings = platform.settings
    if not isinstance(settings, AuditSettings):
        raise SettingsError("audit runs with its own settings")
    platform.call_by(files("carnet") / "callers.toml")
    platform.always_trace(EMERGENCIES)
    _trust_identity(platform, settings)
    masters = platform.keys()  # before the store is waited for: what is wrong is told at once
    collections = await _open_store(platform, settings)
    keys = RecordKeys(collections.record_keys, masters)
    log = LogStore(collections, keys, SHARD)
    # The log's key is derived, not stored: whoever holds the database alone signs nothing.
    signer = Signer(settings.log_origin, Ed25519PrivateKey.from_private_bytes(masters.derive("audit-log-signing", settings.log_origin)))
    sequencer = Sequencer(
        log, signer, platform.clock, raise_alarm, interval=settings.checkpoint_interval, patience=settings.takeover_patience
    )
    intake = TakeIn(IntakeStore(collections, keys), platform.clock, sequencer.wake)
    journal = await Journal.open(collections.streams.database, masters, platform.clock, service=SERVICE)
    events = OwnEvents(journal, platform.clock)
    _record_own_events(platform, journal, intake, events)
    platform.background("sequencer", sequencer.run)
    platform.background("watch", _watch(platform, settings, GapStore(collections, log)).run)
    release, names = _ask_others(platform, settings, events)
    histories = HistoryStore(collections, keys, log)
    exporting = ExportHistory(release, histories, log, names, signer)
    reader = AuditReaderServicer(ReadHistory(release, histories, names, PageTokens(masters)), exporting)
    await platform.serve(
        Served(f"{PACKAGE}.AuditService", intake_grpc.add_AuditServiceServicer_to_server, AuditServicer(intake)),
        Served(f"{PACKAGE}.AuditReaderService", reader_grpc.add_AuditReaderServiceServicer_to_server, reader),
        Served(f"{PACKAGE}.CheckpointService", checkpoint_grpc.add_CheckpointServiceServicer_to_server, CheckpointServicer(exporting)),
    )


def _record_own_events(platform: Platform, journal: Journal, intake: TakeIn, events: OwnEvents) -> None:
    """This service's own events go the way of everybody's: journal, shipper, intake."""
    shipper = Shipper(journal, None, LocalSender(intake, SERVICE), platform.clock)
    refused_calls = record_refused_calls(journal, platform.clock)
    platform.on_refused_call(refused_calls)

    async def stop() -> None:
        await refused_calls.close()
        await events.close()
        await journal.close()
        await shipper.drain()

    platform.background("shipper", shipper.run)
    platform.background("refusals", events.run)
    platform.background("refused calls", refused_calls.run)
    platform.on_stop(stop)


def _ask_others(platform: Platform, settings: AuditSettings, events: OwnEvents) -> tuple[HistoryRelease, DisplayNames]:
    consent = Consent(platform.peer(settings.consent_target, AccessDecisionServiceStub, "consent"), platform.clock)
    directory = platform.peer(settings.identity_target, DirectoryServiceStub, "identity")
    return HistoryRelease(consent, events, platform.clock), DisplayNames(directory, platform.clock, settings.names_kept)


def _watch(platform: Platform, settings: AuditSettings, gaps: GapStore) -> GapWatch:
    return GapWatch(
        gaps,
        platform.clock,
        raise_alarm,
        silence=settings.stream_silence,
        missing=settings.revision_patience,
        every=settings.watch_interval,
    )


def _trust_identity(platform: Platform, settings: AuditSettings) -> None:
    keys = platform.peer(settings.identity_target, SigningKeyServiceStub, "identity")

    async def fetch() -> str:
        return str((await keys().ListSigningKeys(session_pb.ListSigningKeysRequest())).jwks)

    platform.trust_tokens(fetch)


async def _open_store(platform: Platform, settings: AuditSettings) -> Collections:
    client = await platform.mongo()
    database = client.get_default_database()
    if settings.keys_mongo_url_file is None:
        return await open_collections(client, database, database)
    key_client = await platform.mongo(settings.keys_mongo_url_file)
    return await open_collections(client, database, key_client.get_default_database())


def main() -> None:
    """Run the service."""
    run(serve, AuditSettings, SERVICE)


if __name__ == "__main__":
    main()
