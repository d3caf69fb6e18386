"""Puts destructions together, for main: asking for one, the job that goes on with them, and what operators hold.

Who writes codes, and the participants, are other services: they are given when the process runs (`running`), as the letters of notices are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from carnet.consent.v1 import admin_service_pb2_grpc as admin_grpc
from carnet.consent.v1 import record_destruction_service_pb2_grpc as destruction_grpc
from carnet_platform.journal import Journal
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Database
from carnet_platform.operations import Operations, OperationStore, Times, Work
from carnet_platform.server import Served
from carnet_recording.operations import tell_operations

from carnet_consent.api.administration import AdminServicer
from carnet_consent.api.record_destruction import RecordDestructionServicer
from carnet_consent.api.refusing import as_refusal
from carnet_consent.destruction_settings import DestructionSettings
from carnet_consent.domain.destroying import DestructionTerms
from carnet_consent.life_cycle import closing_terms
from carnet_consent.life_settings import LifeSettings
from carnet_consent.storage.destruction_codes import DestructionCodes
from carnet_consent.storage.notices import Notices
from carnet_consent.storage.told import Told
from carnet_consent.usecases.acting_operator import ActingOperator
from carnet_consent.usecases.ask_destruction import AskDestruction, CodeLetters
from carnet_consent.usecases.change import Changes
from carnet_consent.usecases.destroy import Destroy, Participant
from carnet_consent.usecases.events import OWN_NAME
from carnet_consent.usecases.legal_hold import HoldWork, LiftWork
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.record_refusals import RecordRefusals

PACKAGE = "carnet.consent.v1"


def destruction_terms(settings: DestructionSettings, history_kept_after_closing: timedelta) -> DestructionTerms:
    """What the settings say, and how long earlier states are kept after a closing."""
    return DestructionTerms(
        cooling_off=settings.destruction_cooling_off,
        strong_logins=settings.destruction_strong_logins,
        by_representatives=settings.destruction_by_representatives,
        backups_kept=settings.backups_kept,
        history_kept=settings.history_kept_after_destruction,
        history_kept_after_closing=history_kept_after_closing,
    )


@dataclass(frozen=True)
class Destructions:
    """All of it."""

    settings: LifeSettings
    terms: DestructionTerms
    changes: Changes
    read: ReadRecord
    refusals: RecordRefusals
    codes: DestructionCodes
    notices: Notices
    told: Told
    operations: Operations
    admin: Served

    @classmethod
    async def open(
        cls,
        database: Database,
        keys: MasterKeys,
        settings: LifeSettings,
        terms: DestructionTerms,
        changes: Changes,
        *,
        read: ReadRecord,
        refusals: RecordRefusals,
        journal: Journal,
        notices: Notices,
    ) -> Self:
        """Over the changes of records and their reading."""
        works: dict[str, Work] = {"hold": HoldWork(changes, as_refusal), "lift_hold": LiftWork(changes)}
        operations = Operations(
            changes.client,
            await OperationStore.open(database, keys, changes.log),
            changes.log,
            changes.requests,
            works,
            tell_operations(OWN_NAME, changes.clock),
            keys=keys,
            clock=changes.clock,
            times=Times(),
        )
        acting = ActingOperator(read.batch, journal, changes.clock)
        admin = Served(f"{PACKAGE}.AdminService", admin_grpc.add_AdminServiceServicer_to_server, AdminServicer(operations, acting))
        codes, told = await DestructionCodes.open(database, keys), await Told.open(database)
        return cls(settings, terms, changes, read, refusals, codes, notices, told, operations, admin)

    def served(self, letters: CodeLetters) -> Served:
        """What holders ask, with whoever writes letters."""
        closing, lifetime = closing_terms(self.settings), self.settings.destruction_code_lifetime
        ask = AskDestruction(self.changes, self.read, self.codes, letters, self.terms, closing, lifetime)
        return Served(
            f"{PACKAGE}.RecordDestructionService",
            destruction_grpc.add_RecordDestructionServiceServicer_to_server,
            RecordDestructionServicer(ask, self.read, self.refusals),
        )

    def going_on(self, participants: Mapping[str, Participant]) -> Destroy:
        """The job that goes on with destructions, with those who can be asked."""
        settings = self.settings
        return Destroy(
            self.changes,
            self.notices,
            self.told,
            participants,
            self.terms,
            settings.destruction_every,
            settings.destruction_late_after,
        )
