"""Puts mandates together, for main: the services, the background job, what sessions and deaths need of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from carnet.identity.v1 import mandate_reference_service_pb2_grpc as reference_grpc
from carnet.identity.v1 import mandate_service_pb2_grpc as mandate_grpc
from carnet_platform.changes import ChangeLog
from carnet_platform.idempotency import Requests
from carnet_platform.journal import Journal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Client
from carnet_platform.platform import Platform
from carnet_platform.server import Served

from carnet_identity.api.mandates import MandateReferenceServicer, MandateServicer, MandateVerbs
from carnet_identity.domain.mandate_rules import MandateTimes
from carnet_identity.mandate_settings import MandateSettings
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.hidden_places import HiddenPlaceStore
from carnet_identity.storage.indexes import Collections
from carnet_identity.storage.mandate_pages import MandatePageTokens
from carnet_identity.storage.mandates import MandateStore
from carnet_identity.storage.patients import PatientStore
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.answer_mandate import AnswerMandate
from carnet_identity.usecases.check_mandate import CheckMandate
from carnet_identity.usecases.consult_mandates import ConsultMandates
from carnet_identity.usecases.end_due_mandates import EndDueMandates
from carnet_identity.usecases.end_mandate import EndMandate, EndMandatesOf
from carnet_identity.usecases.hide_place import HidePlace, HidingTimes
from carnet_identity.usecases.invite_mandate import InviteMandate
from carnet_identity.usecases.mandate_book import MandateBook, Telling
from carnet_identity.usecases.mandated import MandatedUsers
from carnet_identity.usecases.register_mandate import RegisterMandate
from carnet_identity.usecases.represented import Representatives
from carnet_identity.usecases.withdraw import Withdraw

_PACKAGE = "carnet.identity.v1"


@dataclass(frozen=True, slots=True)
class MandateStores:
    """What is kept of mandates."""

    mandates: MandateStore
    hidden_places: HiddenPlaceStore
    pages: MandatePageTokens

    @classmethod
    def of(cls, collections: Collections, keys: MasterKeys) -> MandateStores:
        """Over the open collections."""
        return cls(
            MandateStore(collections.mandates, collections.mandate_barriers, keys),
            HiddenPlaceStore(collections.hidden_places, keys),
            MandatePageTokens(keys),
        )


@dataclass(frozen=True, slots=True)
class Recording:
    """Where changes, requests and readings are recorded."""

    client: Client
    changes: ChangeLog
    requests: Requests
    journal: Journal


class Representation:
    """All of it."""

    def __init__(
        self,
        platform: Platform,
        settings: MandateSettings,
        stores: MandateStores,
        patients: PatientStore,
        recording: Recording,
        telling: Telling,
    ) -> None:
        self._platform = platform
        self._settings = settings
        self._stores = stores
        self._patients = patients
        self._recording = recording
        times = MandateTimes(
            age_of_majority=settings.age_of_majority,
            invitation=settings.mandate_invitation,
            longest_caregiving=settings.caregiving_longest,
            notice_days=(settings.mandate_first_notice.days, settings.mandate_last_notice.days),
        )
        self._book = MandateBook(stores.mandates, recording.changes, platform.clock, times, telling)
        self._check = CheckMandate(patients, self._book, recording.changes, stores.hidden_places)

    @property
    def users(self) -> MandatedUsers:
        """Says under which mandate a session may be opened."""
        return MandatedUsers(self._check)

    @property
    def representatives(self) -> Representatives:
        """Says who represents somebody."""
        return Representatives(self._book, self._check)

    @property
    def deaths(self) -> EndMandatesOf:
        """Ends the mandates of somebody who has died."""
        return EndMandatesOf(self._book)

    def serve(
        self, acting: ActingUser, directory: DirectoryStore, withdraw: Withdraw, *, acknowledge_after: timedelta
    ) -> tuple[Served, Served]:
        """Both services, with the job that does what time does."""
        platform, settings, kept = self._platform, self._settings, self._recording
        job = EndDueMandates(kept.client, self._book, withdraw, settings.mandates_every)
        platform.background("mandates", job.run)
        hiding = HidePlace(
            kept.client,
            self._patients,
            directory,
            self._stores.hidden_places,
            acting,
            kept.changes,
            kept.requests,
            clock=platform.clock,
            times=HidingTimes(settings.age_of_majority, acknowledge_after),
        )
        verbs = MandateVerbs(
            register=RegisterMandate(kept.client, self._patients, acting, self._book, kept.requests),
            invite=InviteMandate(kept.client, self._patients, acting, self._book, kept.requests),
            answer=AnswerMandate(kept.client, self._patients, acting, self._book, kept.requests),
            end=EndMandate(self._patients, acting, self._book, withdraw),
            hide=hiding,
            consult=ConsultMandates(acting, self._book, self._stores.hidden_places, kept.journal),
            pages=self._stores.pages,
        )
        servicer = MandateServicer(verbs, is_production=settings.environment == "production")
        return (
            Served(f"{_PACKAGE}.MandateService", mandate_grpc.add_MandateServiceServicer_to_server, servicer),
            Served(
                f"{_PACKAGE}.MandateReferenceService",
                reference_grpc.add_MandateReferenceServiceServicer_to_server,
                MandateReferenceServicer(self._check),
            ),
        )
