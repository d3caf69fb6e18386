"""Puts the service of explanations together: every edition of the tables beside what was stated."""

from datetime import timedelta
from typing import Protocol

from carnet.consent.v1 import access_explanation_service_pb2_grpc as explanation_grpc
from carnet_platform.journal import Journal
from carnet_platform.server import Served

from carnet_consent.api.access_explanation import AccessExplanationServicer
from carnet_consent.domain.stating import Durations
from carnet_consent.storage.history import History
from carnet_consent.tables import delivered
from carnet_consent.usecases.explain_decision import ExplainDecision
from carnet_consent.usecases.open_record import Identities
from carnet_consent.usecases.preview_change import PreviewChange
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.record_refusals import RecordRefusals
from carnet_consent.usecases.who_can_read import Directory, WhoCanRead

SERVICE = "carnet.consent.v1.AccessExplanationService"


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
    editions = delivered()
    explain = ExplainDecision(read, history, editions, identities, journal, read.clock)
    who_can_read = WhoCanRead(read, editions.newest, identities, journal, read.clock)
    preview = PreviewChange(read, editions.newest, durations, identities, journal, read.clock)
    return Served(
        SERVICE,
        explanation_grpc.add_AccessExplanationServiceServicer_to_server,
        AccessExplanationServicer(explain, who_can_read, preview, refusals, kept),
    )
