"""Puts the service of explanations together: every edition of the tables beside what was stated."""

from datetime import date, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Protocol

from carnet.consent.v1 import access_explanation_service_pb2_grpc as explanation_grpc
from carnet_platform.journal import Journal
from carnet_platform.server import Served
from carnet_platform.settings import SettingsError

from carnet_consent.api.access_explanation import AccessExplanationServicer
from carnet_consent.domain.editions import Editions
from carnet_consent.domain.matrix_files import COLUMNS, BrokenTableError, habilitation
from carnet_consent.domain.stating import Durations
from carnet_consent.storage.history import History
from carnet_consent.usecases.explain_decision import ExplainDecision
from carnet_consent.usecases.open_record import Identities
from carnet_consent.usecases.preview_change import PreviewChange
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.record_refusals import RecordRefusals
from carnet_consent.usecases.who_can_read import Directory, WhoCanRead

SERVICE = "carnet.consent.v1.AccessExplanationService"


def every_edition(data: Traversable) -> Editions:
    """All editions of the tables. Raises SettingsError, naming file and line, for one that breaks a rule."""
    folders = [folder for folder in data.iterdir() if folder.name[:1].isdigit()]
    try:
        return Editions.of(
            (
                date.fromisoformat(folder.name),
                habilitation({name: (folder / name).read_text(encoding="utf-8") for name in COLUMNS}, folder.name),
            )
            for folder in folders
        )
    except (BrokenTableError, OSError, ValueError) as error:
        raise SettingsError(f"an edition of the habilitation cannot be read: {error}") from None


class Asked(Identities, Directory, Protocol):
    """What explanations ask of identity."""


def explanations(
    read: ReadRecord,
    history: History,
    identities: Asked,
    journal: Journal,
    refusals: RecordRefusals,
    *,
    durations: Durations,
    kept: timedelta,
) -> Served:
    """The service, on what the others use.

    `durations` is how long statements last by default, for previews of them; `kept` is how long history is kept after a closing.
    """
    editions = every_edition(files("carnet_consent") / "data")
    explain = ExplainDecision(read, history, editions, identities, journal, read.clock)
    who_can_read = WhoCanRead(read, editions.newest, identities, journal, read.clock)
    preview = PreviewChange(read, editions.newest, durations, identities, journal, read.clock)
    return Served(
        SERVICE,
        explanation_grpc.add_AccessExplanationServiceServicer_to_server,
        AccessExplanationServicer(explain, who_can_read, preview, refusals, kept),
    )
