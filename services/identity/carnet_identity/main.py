"""Puts identity together and runs it: the only module that knows every other."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import cast

from carnet.audit.v1.audit_service_pb2_grpc import AuditServiceStub
from carnet.consent.v1.mandate_notice_service_pb2_grpc import MandateNoticeServiceStub
from carnet.consent.v1.person_status_service_pb2_grpc import PersonStatusServiceStub
from carnet.consent.v1.withdrawal_service_pb2_grpc import WithdrawalServiceStub
from carnet.identity.v1 import contact_channel_service_pb2_grpc as channel_grpc
from carnet.identity.v1 import directory_service_pb2_grpc as directory_grpc
from carnet.identity.v1 import import_reference_service_pb2_grpc as import_grpc
from carnet.identity.v1 import notice_delivery_service_pb2_grpc as notice_grpc
from carnet.identity.v1 import patient_reference_service_pb2_grpc as reference_grpc
from carnet.identity.v1 import patient_registry_service_pb2_grpc as registry_grpc
from carnet.identity.v1 import patient_search_service_pb2_grpc as search_grpc
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

from carnet_identity.administration import Operated, administration
from carnet_identity.api.directory import DirectoryServicer
from carnet_identity.api.import_references import ImportReferenceServicer
from carnet_identity.api.patient_reference import PatientReferenceServicer
from carnet_identity.api.patient_registry import PatientRegistryServicer, Reading, Verbs
from carnet_identity.api.patient_search import PatientSearchServicer
from carnet_identity.api.signing_keys import SigningKeyServicer
from carnet_identity.clients.life_news import ConsentLifeNews
from carnet_identity.clients.mandate_news import ConsentMandateNews
from carnet_identity.clients.withdrawals import ConsentFence
from carnet_identity.correspondence import Correspondence, MailStores
from carnet_identity.domain.activity import day_in_paris
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory_document import DirectoryDocument
from carnet_identity.domain.patient_search import MOST_SCORED
from carnet_identity.domain.rate import Rates
from carnet_identity.pushing import Pushing
from carnet_identity.representation import MandateStores, Recording, Representation
from carnet_identity.settings import IdentitySettings
from carnet_identity.sign_ins import KnownUsers, SignIns
from carnet_identity.storage.comparisons import ComparisonStore
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.due_life_news import DueLifeNews
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.kept_searches import KeptSearches
from carnet_identity.storage.patient_search import PatientFinds
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.presented_assertions import PresentedAssertions
from carnet_identity.storage.rate_counts import RateCounts
from carnet_identity.storage.search_terms import SearchTerms
from carnet_identity.storage.sessions import SessionStore
from carnet_identity.storage.standing import Standing
from carnet_identity.storage.stops import StopStore
from carnet_identity.storage.structure_keys import StructureKeys
from carnet_identity.usecases.acting_for import ActingFor
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.change_patient import ChangePatient, PatientRevision
from carnet_identity.usecases.compare_patient import ComparePatient, SettleComparison
from carnet_identity.usecases.consult_directory import ConsultDirectory
from carnet_identity.usecases.import_directory import ImportDirectory
from carnet_identity.usecases.list_structure_keys import ListStructureKeys
from carnet_identity.usecases.lookup_patient import LookupPatient
from carnet_identity.usecases.meter import LOOKUP, SEARCH, Meter
from carnet_identity.usecases.ports import MandatesEnd
from carnet_identity.usecases.record_death import RecordDeath
from carnet_identity.usecases.refer_to_patient import ReferToPatient
from carnet_identity.usecases.register_patient import RegisterPatient
from carnet_identity.usecases.resolve_references import ResolveReferences
from carnet_identity.usecases.revoke_session import RevokeSession
from carnet_identity.usecases.search_patients import SearchPatients
from carnet_identity.usecases.select_candidate import SelectCandidate
from carnet_identity.usecases.tell_life_news import TellLifeNews
from carnet_identity.usecases.tell_withdrawals import TellWithdrawals
from carnet_identity.usecases.update_patient import ChangeIdentityStatus, ReplaceIns, UndoDeath, UpdatePatient
from carnet_identity.usecases.withdraw import Withdraw

_PACKAGE = "carnet.identity.v1"


@dataclass(frozen=True, slots=True)
class Stores:
    """What identity keeps, opened."""

    client: Client
    patients: PatientStore
    finds: PatientFinds
    searches: KeptSearches
    rate_counts: RateCounts
    comparisons: ComparisonStore
    directory: DirectoryStore
    sessions: SessionStore
    stops: StopStore
    due: DueWithdrawals
    life_news: DueLifeNews
    standing: Standing
    presented: PresentedAssertions
    mail: MailStores
    mandates: MandateStores
    changes: ChangeLog
    requests: Requests
    journal: Journal


async def serve(platform: Platform) -> None:
    """Opens, imports, registers and serves until told to stop."""
    settings = cast("IdentitySettings", platform.settings)
    sign_ins, directory = SignIns(platform, settings), _read_directory(settings)  # all files, before a store is waited for
    correspondence, structure_keys = Correspondence.read(settings, Pushing.read(settings)), StructureKeys(settings.structure_key_folder)
    stores = await _open_stores(platform, settings)
    _ship_events(platform, settings, stores)
    await _import_directory(platform, settings, stores, directory)
    await stores.presented.prepare()
    fence = ConsentFence(platform.peer(settings.consent_target, WithdrawalServiceStub, "consent"))
    teller = TellWithdrawals(stores.due, fence, platform.clock, settings.withdrawals_every)
    platform.background("withdrawals", teller.run)
    life_news = ConsentLifeNews(platform.peer(settings.consent_target, PersonStatusServiceStub, "consent"))
    platform.background("life news", TellLifeNews(stores.life_news, life_news, settings.withdrawals_every).run)
    mandate_news = ConsentMandateNews(platform.peer(settings.consent_target, MandateNoticeServiceStub, "consent"))
    platform.background("mandate news", TellLifeNews(stores.mail.mandate_news, mandate_news, settings.withdrawals_every).run)
    platform.call_by(files("carnet") / "callers.toml")
    platform.always_trace(EMERGENCIES)

    platform.trust_tokens(sign_ins.own_keys)
    withdraw = _withdraw(platform, settings, stores, fence)
    representation = _representation(platform, settings, stores, correspondence)
    known = KnownUsers(
        stores.directory, stores.patients, stores.sessions, stores.stops, stores.presented, stores.journal, representation.users
    )
    sessions = sign_ins.servicer(known, RevokeSession(stores.sessions, stores.changes, withdraw, platform.clock))
    meter = _meter(platform, settings, stores)
    await platform.serve(
        Served(
            f"{_PACKAGE}.PatientRegistryService",
            registry_grpc.add_PatientRegistryServiceServicer_to_server,
            _registry(platform, settings, stores, meter, withdraw, representation.deaths),
        ),
        _search(platform, settings, stores, meter),
        Served(
            f"{_PACKAGE}.PatientReferenceService",
            reference_grpc.add_PatientReferenceServiceServicer_to_server,
            PatientReferenceServicer(ReferToPatient(stores.patients, stores.comparisons, platform.clock)),
        ),
        Served(
            f"{_PACKAGE}.DirectoryService",
            directory_grpc.add_DirectoryServiceServicer_to_server,
            DirectoryServicer(ConsultDirectory(stores.directory), ListStructureKeys(stores.directory, structure_keys, stores.stops)),
        ),
        Served(
            f"{_PACKAGE}.ImportReferenceService",
            import_grpc.add_ImportReferenceServiceServicer_to_server,
            ImportReferenceServicer(
                ResolveReferences(stores.patients, stores.directory), is_production=settings.environment == "production"
            ),
        ),
        *_correspondence(platform, stores, correspondence, representation),
        *representation.serve(
            ActingUser(stores.standing, stores.standing), stores.directory, withdraw, acknowledge_after=settings.acknowledge_after
        ),
        Served(f"{_PACKAGE}.SessionService", session_grpc.add_SessionServiceServicer_to_server, sessions),
        await _administration(platform, settings, stores, withdraw),
        Served(f"{_PACKAGE}.SigningKeyService", session_grpc.add_SigningKeyServiceServicer_to_server, SigningKeyServicer(sign_ins.signer)),
    )


async def _open_stores(platform: Platform, settings: IdentitySettings) -> Stores:
    keys, redis = platform.keys(), await platform.redis()
    if redis is None:
        raise SettingsError("CARNET_REDIS_URL_FILE: missing; set it: Redis tells whether an assertion was presented before")
    client = await platform.mongo()
    database = client.get_default_database()
    collections = await open_collections(database)
    terms = SearchTerms(keys)
    patients = PatientStore(collections.patients, keys, terms.of)
    sessions, changes = SessionStore(collections.sessions), await ChangeLog.open(database, keys)
    return Stores(
        client=client,
        patients=patients,
        finds=PatientFinds(collections.patients, patients, terms, most=MOST_SCORED),
        searches=KeptSearches(collections.patient_searches, keys),
        rate_counts=RateCounts(redis, keys, platform.clock, share=settings.rate_share_without_redis),
        comparisons=ComparisonStore(collections.comparisons, keys),
        directory=DirectoryStore(collections.professionals, collections.structures, keys, platform.clock),
        sessions=sessions,
        stops=StopStore(collections.stops, keys, changes),
        due=DueWithdrawals(collections.due_withdrawals),
        life_news=DueLifeNews(collections.due_life_news),
        standing=Standing(collections.sessions, collections.due_withdrawals),
        presented=PresentedAssertions(redis, keys, sessions, platform.clock, settings.redis_patience),
        mail=MailStores.of(collections, keys),
        mandates=MandateStores.of(collections, keys),
        changes=changes,
        requests=await Requests.open(database, keys),
        journal=await Journal.open(database, keys, platform.clock, service=platform.name),
    )


def _read_directory(settings: IdentitySettings) -> DirectoryDocument | None:
    if settings.directory_file is None:
        return None
    try:
        return DirectoryDocument(json.loads(settings.directory_file.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"CARNET_DIRECTORY_FILE: {settings.directory_file}: {error.strerror}") from None
    except BrokenRule as error:
        raise SettingsError(f"CARNET_DIRECTORY_FILE: {error}") from None
    except ValueError:
        raise SettingsError(f"CARNET_DIRECTORY_FILE: {settings.directory_file} is not JSON in UTF-8") from None


async def _import_directory(platform: Platform, settings: IdentitySettings, stores: Stores, document: DirectoryDocument | None) -> None:
    if document is None:
        return
    importing = ImportDirectory(stores.directory, stores.due, most_withdrawn=settings.directory_withdrawn_share)
    try:
        report = await importing(document, day=day_in_paris(platform.clock.now()), tokens_end=lambda: _tokens_end(platform, settings))
    except BrokenRule as error:
        raise SettingsError(f"CARNET_DIRECTORY_FILE: {error}") from None
    for line in document.refused:
        platform.logger.warning("directory.line_refused", place=line.place, field=line.field, rule=line.rule)
    platform.logger.info("directory.imported", **asdict(report), refused=len(document.refused))


def _tokens_end(platform: Platform, settings: IdentitySettings) -> datetime:
    """When no token given until now can live any more; with a minute for a batch of the directory to be stored."""
    return platform.clock.now() + settings.token_lifetime + settings.clock_tolerance + timedelta(minutes=1)


def _meter(platform: Platform, settings: IdentitySettings, stores: Stores) -> Meter:
    rates = {
        LOOKUP: Rates(
            settings.lookup_rate_professional,
            settings.lookup_rate_professional_day,
            settings.lookup_rate_structure,
            settings.lookup_rate_structure_day,
        ),
        SEARCH: Rates(
            settings.search_rate_professional,
            settings.search_rate_professional_day,
            settings.search_rate_structure,
            settings.search_rate_structure_day,
        ),
    }
    meter = Meter(stores.rate_counts, rates, stores.journal, platform.clock)
    platform.background("rates", meter.run)
    platform.on_stop(meter.close)
    return meter


def _search(platform: Platform, settings: IdentitySettings, stores: Stores, meter: Meter) -> Served:
    acting = ActingUser(stores.standing, stores.standing)
    search = SearchPatients(
        stores.finds,
        stores.searches,
        acting,
        meter,
        stores.journal,
        platform.clock,
        kept_for=settings.search_kept,
        deceased_found_for=settings.deceased_found_for,
    )
    select = SelectCandidate(stores.client, stores.patients, stores.searches, acting, stores.requests, stores.journal, platform.clock)
    servicer = PatientSearchServicer(search, select)
    return Served(f"{_PACKAGE}.PatientSearchService", search_grpc.add_PatientSearchServiceServicer_to_server, servicer)


def _registry(
    platform: Platform, settings: IdentitySettings, stores: Stores, meter: Meter, withdraw: Withdraw, mandates: MandatesEnd
) -> PatientRegistryServicer:
    clock, acting = platform.clock, ActingUser(stores.standing, stores.standing)
    lookup = LookupPatient(stores.patients, acting, meter, stores.journal, clock)
    revise = PatientRevision(stores.patients, stores.changes, clock)
    change = ChangePatient(stores.client, acting, stores.requests, revise)
    verbs = Verbs(
        register=RegisterPatient(stores.client, stores.patients, acting, meter, stores.changes, stores.requests, clock),
        lookup=lookup,
        update=UpdatePatient(change),
        change_status=ChangeIdentityStatus(change),
        replace_ins=ReplaceIns(change, stores.patients, meter, clock),
        compare=ComparePatient(lookup, stores.comparisons, acting, clock),
        settle=SettleComparison(stores.client, stores.comparisons, acting, stores.changes, stores.requests, clock),
        record_death=RecordDeath(acting, revise, mandates, withdraw, stores.life_news, clock),
        undo_death=UndoDeath(change, stores.life_news),
    )
    return PatientRegistryServicer(verbs, Reading(clock, settings.clock_tolerance, settings.environment == "production"))


def _representation(platform: Platform, settings: IdentitySettings, stores: Stores, correspondence: Correspondence) -> Representation:
    recording = Recording(stores.client, stores.changes, stores.requests, stores.journal)
    return Representation(platform, settings, stores.mandates, stores.patients, recording, correspondence.notices(stores.mail))


async def _administration(platform: Platform, settings: IdentitySettings, stores: Stores, withdraw: Withdraw) -> Served:
    operated = Operated(
        client=stores.client,
        database=stores.client.get_default_database(),
        stops=stores.stops,
        sessions=stores.sessions,
        patients=stores.patients,
        directory=stores.directory,
        due=stores.due,
        changes=stores.changes,
        requests=stores.requests,
        journal=stores.journal,
    )
    tokens_live = settings.token_lifetime + settings.clock_tolerance
    return await administration(platform, settings, operated, withdraw, tokens_live=tokens_live)


def _withdraw(platform: Platform, settings: IdentitySettings, stores: Stores, fence: ConsentFence) -> Withdraw:
    return Withdraw(
        stores.client,
        stores.requests,
        stores.due,
        fence,
        platform.clock,
        acknowledge_after=settings.acknowledge_after,
        tokens_live=settings.token_lifetime + settings.clock_tolerance,
    )


def _correspondence(
    platform: Platform, stores: Stores, correspondence: Correspondence, representation: Representation
) -> tuple[Served, Served]:
    acting = ActingFor(ActingUser(stores.standing, stores.standing))
    recording = (stores.client, stores.changes, stores.requests)
    channels, notices = correspondence.serve(platform, stores.mail, stores.patients, acting, recording, representation.representatives)
    return (
        Served(f"{_PACKAGE}.ContactChannelService", channel_grpc.add_ContactChannelServiceServicer_to_server, channels),
        Served(f"{_PACKAGE}.NoticeDeliveryService", notice_grpc.add_NoticeDeliveryServiceServicer_to_server, notices),
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


def main() -> None:
    """Runs the service."""
    run(serve, IdentitySettings, "identity")


if __name__ == "__main__":
    main()
