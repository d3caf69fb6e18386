"""Puts the opening budget and the care contacts together, for main: what counts against it, and what does not."""

from datetime import timedelta

from carnet.consent.v1.care_contact_service_pb2_grpc import add_CareContactServiceServicer_to_server
from carnet_platform.journal import Journal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Database
from carnet_platform.server import Served
from carnet_platform.tokens import LEEWAY_SECONDS

from carnet_consent.api.care_contact import CareContactServicer
from carnet_consent.domain.budget import Budget
from carnet_consent.domain.care_contact import ContactTimes
from carnet_consent.emergency_settings import EmergencySettings
from carnet_consent.storage.care_contacts import CareContacts
from carnet_consent.storage.openings import Openings
from carnet_consent.storage.told import Told
from carnet_consent.usecases.change import Changes
from carnet_consent.usecases.opening_budget import OpeningBudget
from carnet_consent.usecases.present_contact import ContactWatch, PresentContact, StructureKeys
from carnet_consent.usecases.record_refusals import RecordRefusals


async def first_openings(
    database: Database,
    keys: MasterKeys,
    settings: EmergencySettings,
    changes: Changes,
    *,
    journal: Journal,
    refusals: RecordRefusals,
    structures: StructureKeys,
) -> tuple[OpeningBudget, Served]:
    """The budget, and the service that takes openings out of it."""
    told, openings, contacts = await Told.open(database), await Openings.open(database, keys), await CareContacts.open(database, keys)
    most = Budget(settings.opening_budget_professional, settings.opening_budget_structure)
    budget = OpeningBudget(openings, contacts, told, journal, changes.clock, most, refusals)
    rates = Budget(settings.care_contact_rate_professional, settings.care_contact_rate_structure)
    times = ContactTimes(settings.care_contact_longest_age, timedelta(seconds=LEEWAY_SECONDS), settings.care_contact_lasts)
    watch = ContactWatch(openings, told, journal, rates)
    present = PresentContact(changes, structures, contacts, watch, times, settings.care_contact_key_timeout)
    servicer = CareContactServicer(present, refusals)
    return budget, Served("carnet.consent.v1.CareContactService", add_CareContactServiceServicer_to_server, servicer)
