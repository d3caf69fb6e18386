"""Opens what every change of a record writes to, for main and for the commands beside it."""

from dataclasses import dataclass

from carnet_platform.changes import ChangeLog
from carnet_platform.clock import Clock
from carnet_platform.idempotency import Requests
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Client

from carnet_consent.change_settings import ChangeSettings
from carnet_consent.domain.stating import Durations
from carnet_consent.storage.fences import Fences
from carnet_consent.storage.grants import Grants
from carnet_consent.storage.history import History
from carnet_consent.storage.records import Records
from carnet_consent.storage.reviews import Reviews
from carnet_consent.telling import Telling
from carnet_consent.usecases.change import Changes


@dataclass(frozen=True)
class Changing:
    """The changes of records, and what follows them."""

    changes: Changes
    reviews: Reviews
    telling: Telling
    grants: Grants


async def changing(client: Client, keys: MasterKeys, clock: Clock, settings: ChangeSettings) -> Changing:
    """Open the collections. There is no other way to write a record."""
    database = client.get_default_database()
    reviews = await Reviews.open(database, keys, settings.emergency_review_after)
    telling = await Telling.open(database, keys, clock, settings)
    grants = await Grants.open(database, keys, clock)
    changes = Changes(
        client,
        await Records.open(database, keys),
        await History.open(database, keys),
        await Fences.open(database, keys),
        await Requests.open(database, keys),
        await ChangeLog.open(database, keys),
        clock,
        settings.acknowledge_after,
        settings.change_timeout,
        followers=(reviews, telling.tell, grants),
    )
    return Changing(changes, reviews, telling, grants)


def durations(settings: ChangeSettings) -> Durations:
    """How long what is stated lasts here."""
    return Durations(
        settings.single_consultation_duration, settings.standing_duration, settings.care_relation_duration, settings.most_statements
    )
