"""Puts the life of records together, for main: its verbs, what identity tells of persons, and the job of what time does."""

from dataclasses import dataclass
from importlib.resources import files

from carnet.consent.v1.person_status_service_pb2_grpc import add_PersonStatusServiceServicer_to_server
from carnet_platform.server import Served
from carnet_platform.settings import SettingsError

from carnet_consent.api.person_status import PersonStatusServicer
from carnet_consent.api.record_life import Verbs
from carnet_consent.domain.announcing import OpeningWay
from carnet_consent.domain.closing import Terms
from carnet_consent.domain.closing_motives import FILE, Motives, closing_motives
from carnet_consent.domain.matrix_files import BrokenTableError
from carnet_consent.domain.stating import Durations
from carnet_consent.life_settings import LifeSettings
from carnet_consent.storage.grants import Grants, GrantTokens
from carnet_consent.usecases.announce_record import AnnounceRecord
from carnet_consent.usecases.change import Changes
from carnet_consent.usecases.close_record import CloseRecord
from carnet_consent.usecases.list_openable import ListOpenable
from carnet_consent.usecases.note_person import Lasting, NotePerson
from carnet_consent.usecases.open_record import Identities, OpenRecord
from carnet_consent.usecases.pass_time import PassTime
from carnet_consent.usecases.read_record import ReadRecord

GrantsAndTokens = tuple[Grants, GrantTokens]


@dataclass(frozen=True)
class LifeCycle:
    """All of it."""

    verbs: Verbs
    persons: Served
    passing: PassTime


def newest_motives() -> Motives:
    """The newest edition of the table of motives. Raises SettingsError, naming the line, for one that breaks a rule."""
    editions = files("carnet_consent") / "data/motives"
    edition = max(editions.iterdir(), key=lambda folder: folder.name)
    try:
        return closing_motives((edition / FILE).read_text(encoding="utf-8"))
    except (BrokenTableError, OSError) as error:
        raise SettingsError(f"the motives of a closing cannot be read: {error}") from None


def life_cycle(
    settings: LifeSettings, changes: Changes, read: ReadRecord, identities: Identities, durations: Durations, grants: GrantsAndTokens
) -> LifeCycle:
    """Over the changes of records, their reading, and identity."""
    way, terms = OpeningWay(settings.opening), closing_terms(settings)
    lasting = Lasting(settings.late_results_accepted, settings.opening_time_to_oppose)
    verbs = Verbs(
        open=OpenRecord(changes, identities, durations, way, settings.open_departements),
        announce=AnnounceRecord(changes, identities, way, settings.opening_time_to_oppose, settings.open_departements),
        close=CloseRecord(changes, identities, newest_motives(), terms),
        list_openable=ListOpenable(*grants, changes.records, read.batch, read.rollbacks, changes.clock),
    )
    persons = Served(
        "carnet.consent.v1.PersonStatusService",
        add_PersonStatusServiceServicer_to_server,
        PersonStatusServicer(NotePerson(changes, identities, lasting)),
    )
    passing = PassTime(changes, identities, lasting, terms, settings.life_every, tuple(settings.destruction_participants))
    return LifeCycle(verbs, persons, passing)


def closing_terms(settings: LifeSettings) -> Terms:
    """What the settings say about closing a record and about its purge."""
    return Terms(settings.closing_grace, settings.closed_kept_years, settings.purge_notice)
