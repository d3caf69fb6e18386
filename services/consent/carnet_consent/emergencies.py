"""Puts emergency accesses together, for main: breaking the glass, its reviews, and the watch over both."""

from dataclasses import dataclass

from carnet.consent.v1 import emergency_access_service_pb2_grpc as access_grpc
from carnet.consent.v1 import emergency_review_service_pb2_grpc as review_grpc
from carnet_platform.journal import Journal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Database
from carnet_platform.server import Served

from carnet_consent.api.emergency_access import EmergencyAccessServicer
from carnet_consent.api.emergency_reviews import EmergencyReviewServicer
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.emergency_settings import EmergencySettings
from carnet_consent.storage.read_batch import ReadBatch
from carnet_consent.storage.reviews import Reviews
from carnet_consent.storage.told import Told
from carnet_consent.usecases.break_glass import BreakGlass
from carnet_consent.usecases.change import Changes
from carnet_consent.usecases.record_refusals import RecordRefusals
from carnet_consent.usecases.review import ReviewEmergencies
from carnet_consent.usecases.watch_emergencies import EmergencyRates, WatchEmergencies

PACKAGE = "carnet.consent.v1"


@dataclass(frozen=True)
class Emergencies:
    """What serves and watches them."""

    access: Served
    review: Served
    watch: WatchEmergencies


async def emergencies(
    database: Database,
    keys: MasterKeys,
    settings: EmergencySettings,
    changes: Changes,
    *,
    reviews: Reviews,
    tables: Habilitation,
    batch: ReadBatch,
    journal: Journal,
    refusals: RecordRefusals,
) -> Emergencies:
    """Put them together."""
    rates = EmergencyRates(settings.emergency_rate_professional, settings.emergency_rate_structure)
    return Emergencies(
        Served(
            f"{PACKAGE}.EmergencyAccessService",
            access_grpc.add_EmergencyAccessServiceServicer_to_server,
            EmergencyAccessServicer(BreakGlass(changes, tables, settings.emergency_duration), refusals),
        ),
        Served(
            f"{PACKAGE}.EmergencyReviewService",
            review_grpc.add_EmergencyReviewServiceServicer_to_server,
            EmergencyReviewServicer(ReviewEmergencies(changes, reviews, batch, journal), refusals, keys),
        ),
        WatchEmergencies(changes, reviews, await Told.open(database), journal, rates, settings.emergency_watch_every),
    )
