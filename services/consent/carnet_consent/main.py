"""Puts consent together and runs it: the only module that knows every other."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Protocol

from carnet.audit.v1.audit_service_pb2_grpc import AuditServiceStub
from carnet.common.v1.record_erasure_service_pb2_grpc import RecordErasureServiceStub
from carnet.consent.v1 import access_decision_service_pb2_grpc as decision_grpc
from carnet.consent.v1 import authorisation_service_pb2_grpc as authorisation_grpc
from carnet.consent.v1 import record_service_pb2_grpc as record_grpc
from carnet.consent.v1 import withdrawal_service_pb2_grpc as withdrawal_grpc
from carnet.identity.v1.directory_service_pb2_grpc import DirectoryServiceStub
from carnet.identity.v1.mandate_reference_service_pb2_grpc import MandateReferenceServiceStub
from carnet.identity.v1.notice_delivery_service_pb2_grpc import NoticeDeliveryServiceStub
from carnet.identity.v1.patient_reference_service_pb2_grpc import PatientReferenceServiceStub
from carnet.identity.v1.session_service_pb2 import ListSigningKeysRequest
from carnet.identity.v1.session_service_pb2_grpc import SigningKeyServiceStub
from carnet_platform.changes import ChangeLog
from carnet_platform.clock import Clock
from carnet_platform.journal import Journal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Client
from carnet_platform.platform import Platform
from carnet_platform.process import run
from carnet_platform.server import Served
from carnet_platform.settings import SettingsError
from carnet_platform.shipping import Shipper
from carnet_recording.emergencies import EMERGENCIES
from carnet_recording.refused_calls import record_refused_calls
from carnet_recording.sender import AuditSender

from carnet_consent.api.access_decision import AccessDecisionServicer
from carnet_consent.api.authorisations import AuthorisationServicer
from carnet_consent.api.record_life import Verbs
from carnet_consent.api.records import RecordServicer
from carnet_consent.api.withdrawals import WithdrawalServicer
from carnet_consent.care_contacts import first_openings
from carnet_consent.changing import changing, durations
from carnet_consent.clients.erasure import Eraser
from carnet_consent.clients.identity import IdentityClient
from carnet_consent.clients.notice_delivery import LetterWriter
from carnet_consent.destructions import Destructions, destruction_terms
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.emergencies import Emergencies, emergencies
from carnet_consent.explanations import explanations
from carnet_consent.life_cycle import life_cycle
from carnet_consent.settings import ConsentSettings
from carnet_consent.storage.fence_watch import FenceWatch
from carnet_consent.storage.grants import GrantTokens
from carnet_consent.storage.read_batch import Barrier, Limits, ReadBatch
from carnet_consent.storage.rollback import RollbackWatch
from carnet_consent.tables import delivered
from carnet_consent.telling import Telling
from carnet_consent.usecases.attend import Attend
from carnet_consent.usecases.change import Changes
from carnet_consent.usecases.decide import Decide
from carnet_consent.usecases.hide import Hide, UpdateSwitches
from carnet_consent.usecases.mandates import Mandates, StandingMandates
from carnet_consent.usecases.note_accesses import NoteAccesses
from carnet_consent.usecases.open_record import Identities
from carnet_consent.usecases.oppose import Oppose
from carnet_consent.usecases.pass_time import PassTime
from carnet_consent.usecases.present_contact import StructureKeys
from carnet_consent.usecases.read_notices import Names
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.record_refusals import RecordRefusals
from carnet_consent.usecases.state import State
from carnet_consent.usecases.watch_emergencies import WatchEmergencies
from carnet_consent.usecases.who_can_read import Directory
from carnet_consent.usecases.withdraw import Withdraw

NAME, PACKAGE = "consent", "carnet.consent.v1"


@dataclass(frozen=True)
class Consent:
    """Everything consent is made of, put together: what `serve` runs and what tests speak to."""

    batch: ReadBatch
    rollbacks: RollbackWatch
    fence_watch: FenceWatch
    refusals: RecordRefusals
    journal: Journal
    log: ChangeLog
    services: tuple[Served, ...]
    watch: WatchEmergencies
    telling: Telling
    passing: PassTime
    destructions: Destructions


class Identity(Identities, Mandates, Names, Directory, StructureKeys, Protocol):
    """All that consent asks of identity."""


async def put_together(client: Client, keys: MasterKeys, clock: Clock, settings: ConsentSettings, identities: Identity) -> Consent:
    """Open the collections and make the services."""
    database = client.get_default_database()
    opened = await changing(client, keys, clock, settings)
    changes, reviews, telling, grants = opened.changes, opened.reviews, opened.telling, opened.grants
    records, history, fences, requests, log = changes.records, changes.history, changes.fences, changes.requests, changes.log
    journal = await Journal.open(database, keys, clock, service=NAME)
    limits = Limits(settings.read_batch_timeout, settings.read_batch_size, settings.read_queue_limit)
    batch = ReadBatch(records, fences, await Barrier.open(database), clock, limits)
    rollbacks = RollbackWatch(records, log, reviews, settings.rollback_check_every)
    refusals = RecordRefusals(journal, clock)
    tables = delivered().newest
    urgent = await emergencies(
        database, keys, settings, changes, reviews=reviews, tables=tables, batch=batch, journal=journal, refusals=refusals
    )
    withdraw = Withdraw(client, fences, requests, clock, settings.change_timeout)
    budget, contacts = await first_openings(database, keys, settings, changes, journal=journal, refusals=refusals, structures=identities)
    read = ReadRecord(records, batch, rollbacks, clock, budget)
    life = life_cycle(settings, changes, read, identities, durations(settings), (grants, GrantTokens(keys)))
    services = (
        *_services(
            settings, changes, read, refusals, identities, withdraw, tables, urgent=urgent, life=life.verbs, accesses=telling.accesses
        ),
        life.persons,
    )
    lasts, kept = durations(settings), settings.history_kept_after_closing
    explained = explanations(read, history, identities, journal, refusals, durations=lasts, kept=kept)
    inbox = telling.served(changes, read, identities, refusals, keys)
    fence_watch = FenceWatch(client, fences, settings.rollback_check_every)
    served = (*services, explained, inbox, telling.documents(changes, tables), telling.mandates(), contacts)
    destroying = await Destructions.open(
        database,
        keys,
        settings,
        destruction_terms(settings, kept),
        changes,
        read=read,
        refusals=refusals,
        journal=journal,
        notices=telling.notices,
    )
    served = (*served, destroying.admin)
    return Consent(batch, rollbacks, fence_watch, refusals, journal, log, served, urgent.watch, telling, life.passing, destroying)


def _services(
    settings: ConsentSettings,
    changes: Changes,
    read: ReadRecord,
    refusals: RecordRefusals,
    identities: Identity,
    withdraw: Withdraw,
    tables: Habilitation,
    *,
    urgent: Emergencies,
    life: Verbs,
    accesses: NoteAccesses,
) -> tuple[Served, ...]:
    lasts = durations(settings)
    decide = Decide(read.batch, read.rollbacks, tables, changes.clock, StandingMandates(identities), accesses)
    attend = Attend(changes, identities)
    return (
        Served(
            f"{PACKAGE}.AccessDecisionService",
            decision_grpc.add_AccessDecisionServiceServicer_to_server,
            AccessDecisionServicer(decide, settings.permit_usable_for),
        ),
        Served(
            f"{PACKAGE}.RecordService",
            record_grpc.add_RecordServiceServicer_to_server,
            RecordServicer(life, read, UpdateSwitches(changes), refusals),
        ),
        Served(
            f"{PACKAGE}.AuthorisationService",
            authorisation_grpc.add_AuthorisationServiceServicer_to_server,
            AuthorisationServicer(State(changes, lasts, read.budget), Hide(changes), Oppose(changes, tables), attend, read, refusals),
        ),
        urgent.access,
        Served(f"{PACKAGE}.WithdrawalService", withdrawal_grpc.add_WithdrawalServiceServicer_to_server, WithdrawalServicer(withdraw)),
        urgent.review,
    )


async def serve(platform: Platform) -> None:
    """Run consent until told to stop."""
    settings = platform.settings
    if not isinstance(settings, ConsentSettings):
        raise SettingsError("consent needs its own settings")
    platform.call_by(files("carnet") / "callers.toml")
    platform.always_trace(EMERGENCIES)
    signing_keys = platform.peer(settings.identity_target, SigningKeyServiceStub, "identity")

    async def published_keys() -> str:
        return (await signing_keys().ListSigningKeys(ListSigningKeysRequest())).jwks

    platform.trust_tokens(published_keys)
    references = platform.peer(settings.identity_target, PatientReferenceServiceStub, "identity")
    directory = platform.peer(settings.identity_target, DirectoryServiceStub, "identity")
    mandates = platform.peer(settings.identity_target, MandateReferenceServiceStub, "identity")
    notices = platform.peer(settings.identity_target, NoticeDeliveryServiceStub, "identity")
    audit = platform.peer(settings.audit_target, AuditServiceStub, "audit")
    letters = LetterWriter(notices, settings.notice_timeout)
    participants = {
        name: Eraser(name, platform.peer(target, RecordErasureServiceStub, name), settings.destruction_timeout)
        for name, target in settings.destruction_participants.items()
        if target
    }
    keys = platform.keys()  # before the store is waited for: what is wrong is told at once
    client = await platform.mongo()
    consent = await put_together(client, keys, platform.clock, settings, IdentityClient(references, directory, mandates))
    shipper = Shipper(consent.journal, consent.log, AuditSender(audit), platform.clock)
    refused_calls = record_refused_calls(consent.journal, platform.clock)
    platform.on_refused_call(refused_calls)

    async def close() -> None:
        await refused_calls.close()
        await consent.refusals.close()
        await consent.journal.close()
        await shipper.drain()

    platform.on_stop(close)
    for name, job in (
        ("read batches", consent.batch.run),
        ("rollback watch", consent.rollbacks.run),
        ("fence watch", consent.fence_watch.run),
        ("refusals", consent.refusals.run),
        ("emergency watch", consent.watch.run),
        ("life of records", consent.passing.run),
        ("accesses", consent.telling.accesses.run),
        ("notices", consent.telling.delivering(letters).run),
        ("operations", consent.destructions.operations.run),
        ("destructions", consent.destructions.going_on(participants).run),
        ("refused calls", refused_calls.run),
        ("shipping", shipper.run),
    ):
        platform.background(name, job)
    await platform.serve(*consent.services, consent.destructions.served(letters))


def main() -> None:
    """Run the service."""
    run(serve, ConsentSettings, NAME)


if __name__ == "__main__":
    main()
