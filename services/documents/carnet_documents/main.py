"""The documents service: the only module that knows every other."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from carnet.audit.v1.audit_service_pb2_grpc import AuditServiceStub
from carnet.consent.v1.access_decision_service_pb2_grpc import AccessDecisionServiceStub
from carnet.consent.v1.document_notice_service_pb2_grpc import DocumentNoticeServiceStub
from carnet.documents.v1 import document_lifecycle_service_pb2_grpc as lifecycle_grpc
from carnet.documents.v1 import document_query_service_pb2_grpc as query_grpc
from carnet.documents.v1 import submission_service_pb2_grpc as submission_grpc
from carnet.identity.v1.patient_reference_service_pb2_grpc import PatientReferenceServiceStub
from carnet.identity.v1.session_service_pb2_grpc import SigningKeyServiceStub
from carnet_platform.changes import ChangeLog
from carnet_platform.clock import Clock
from carnet_platform.idempotency import Requests
from carnet_platform.journal import Journal
from carnet_platform.mongo import Client
from carnet_platform.platform import Platform
from carnet_platform.process import run
from carnet_platform.refused_calls import RefusedCalls
from carnet_platform.server import Served
from carnet_platform.shipping import Shipper
from carnet_recording.emergencies import EMERGENCIES
from carnet_recording.refused_calls import record_refused_calls
from carnet_recording.sender import AuditSender
from pymongo.errors import PyMongoError

from carnet_documents.api.lifecycle import DocumentLifecycleServicer
from carnet_documents.api.query import DocumentQueryServicer
from carnet_documents.api.submission import SubmissionServicer
from carnet_documents.clients.consent import ConsentClient
from carnet_documents.clients.document_notices import DocumentNotices
from carnet_documents.clients.identity import IdentityClient, SigningKeys
from carnet_documents.domain.classes import TypeClasses
from carnet_documents.domain.formats import AcceptedFormats
from carnet_documents.settings import DocumentsSettings
from carnet_documents.storage.additions import Additions
from carnet_documents.storage.blinding import Blinding
from carnet_documents.storage.chunks import Chunks
from carnet_documents.storage.documents import Documents
from carnet_documents.storage.page_tokens import PageTokens
from carnet_documents.storage.record_keys import RecordKeys
from carnet_documents.usecases.change_mask import ChangeMask
from carnet_documents.usecases.decisions import Decisions
from carnet_documents.usecases.keeping import Keeping, Telling
from carnet_documents.usecases.read_document import ReadDocument
from carnet_documents.usecases.receiving import Receiving, UploadLimits
from carnet_documents.usecases.refused_accesses import RefusedAccesses
from carnet_documents.usecases.releasing import Releases
from carnet_documents.usecases.search_documents import SearchDocuments
from carnet_documents.usecases.submit_document import SubmitDocument, Tables
from carnet_documents.usecases.tell_additions import TellAdditions

_PACKAGE = "carnet.documents.v1"


def tables(settings: DocumentsSettings) -> Tables:
    """The versioned data files. Raises ``ValueError`` for a broken one."""
    data = files("carnet_documents.data")
    classes = TypeClasses.load(data.joinpath("type-class.csv").read_text(encoding="utf-8"))
    formats = AcceptedFormats.load(data.joinpath("accepted-formats.csv").read_text(encoding="utf-8"))
    return Tables(classes, formats, settings.may_hide_from_patient_and_professionals)


@dataclass(frozen=True, slots=True)
class Stores:
    """What is kept: in one database documents, chunks, changes, answers and the journal, in another the record keys."""

    client: Client
    documents: Documents
    chunks: Chunks
    changes: ChangeLog
    requests: Requests
    journal: Journal
    record_keys: RecordKeys
    page_tokens: PageTokens
    additions: Additions


async def _open_stores(platform: Platform, settings: DocumentsSettings) -> Stores:
    keys = platform.keys()
    client = await platform.mongo()
    database = client.get_default_database()
    keys_database = (await platform.mongo(settings.keys_mongo_url_file)).get_default_database()
    return Stores(
        client=client,
        documents=await Documents.open(database, Blinding(keys)),
        chunks=await Chunks.open(database),
        changes=await ChangeLog.open(database, keys),
        requests=await Requests.open(database, keys),
        journal=await Journal.open(database, keys, platform.clock, service=platform.name),
        record_keys=await RecordKeys.open(keys_database, keys),
        page_tokens=PageTokens(keys),
        additions=await Additions.open(database, keys),
    )


def _servicers(platform: Platform, settings: DocumentsSettings, stores: Stores, refused: RefusedAccesses) -> Sequence[Served]:
    """Use cases and what serves them."""
    clock, documents, chunks = platform.clock, stores.documents, stores.chunks
    identity = IdentityClient(platform.peer(settings.identity_target, PatientReferenceServiceStub, "identity"))
    consent = ConsentClient(platform.peer(settings.consent_target, AccessDecisionServiceStub, "consent"))
    decisions = Decisions(consent, clock, refused, settings.decision_patience)
    releases = Releases(decisions, stores.record_keys, stores.journal, refused, clock)
    data = tables(settings)
    telling = Telling(stores.additions, settings.additions_gathered_for)
    keeping = Keeping(stores.client, documents, chunks, stores.changes, releases, telling, may_cumulate=data.may_cumulate)
    limits = UploadLimits(
        settings.document_size_limit, settings.upload_budget, settings.upload_share, settings.upload_rate, settings.upload_grace
    )
    receiving = Receiving(limits)
    submit = SubmitDocument(decisions, identity, documents, stores.record_keys, keeping, receiving, refused, clock, tables=data)
    search = SearchDocuments(decisions, documents, releases, stores.page_tokens, clock)
    read = ReadDocument(decisions, documents, chunks, releases, clock)
    change = ChangeMask(
        decisions, documents, releases, stores.client, stores.changes, stores.requests, clock, wait=settings.withdrawal_wait
    )
    add_submission = submission_grpc.add_SubmissionServiceServicer_to_server
    add_query = query_grpc.add_DocumentQueryServiceServicer_to_server
    add_lifecycle = lifecycle_grpc.add_DocumentLifecycleServiceServicer_to_server
    return (
        Served(f"{_PACKAGE}.SubmissionService", add_submission, SubmissionServicer(submit)),
        Served(f"{_PACKAGE}.DocumentQueryService", add_query, DocumentQueryServicer(search, read)),
        Served(f"{_PACKAGE}.DocumentLifecycleService", add_lifecycle, DocumentLifecycleServicer(change)),
    )


async def serve(platform: Platform) -> None:
    """Wire the service and serve until told to stop."""
    settings, clock = platform.settings, platform.clock
    if not isinstance(settings, DocumentsSettings):
        raise TypeError("the settings of another service")
    stores = await _open_stores(platform, settings)
    refused = RefusedAccesses(stores.journal.append, clock)
    refused_calls = record_refused_calls(stores.journal, clock)
    platform.on_refused_call(refused_calls)
    audit = AuditSender(platform.peer(settings.audit_target, AuditServiceStub, "audit"))
    signing_keys = SigningKeys(platform.peer(settings.identity_target, SigningKeyServiceStub, "identity"))
    shipper = Shipper(stores.journal, stores.changes, audit, clock)
    platform.background("shipping", shipper.run)
    platform.background("refused accesses", refused.run)
    platform.background("refused calls", refused_calls.run)
    notices = DocumentNotices(platform.peer(settings.consent_target, DocumentNoticeServiceStub, "consent"))
    platform.background("added documents", TellAdditions(stores.additions, notices, clock, settings.additions_every).run)
    platform.background("sweeping", _sweeping(stores.chunks, clock, settings))
    platform.on_stop(lambda: _stop(refused, refused_calls, stores.journal, shipper))
    platform.trust_tokens(signing_keys.fetch)
    platform.call_by(files("carnet").joinpath("callers.toml"))
    platform.always_trace(EMERGENCIES)
    await platform.serve(*_servicers(platform, settings, stores, refused))


def _sweeping(chunks: Chunks, clock: Clock, settings: DocumentsSettings) -> Callable[[], Awaitable[None]]:
    async def sweep() -> None:
        while True:
            await asyncio.sleep(settings.sweep_every.total_seconds())
            with contextlib.suppress(PyMongoError):
                await chunks.sweep(clock.now())

    return sweep


async def _stop(refused: RefusedAccesses, refused_calls: RefusedCalls, journal: Journal, shipper: Shipper) -> None:
    await refused_calls.close()
    await refused.close()
    await journal.close()
    await shipper.drain()


def main() -> None:
    """Run the service."""
    run(serve, DocumentsSettings, "documents")


if __name__ == "__main__":
    main()
