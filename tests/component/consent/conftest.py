"""Consent on a real mongod, called as its gRPC servicers are: the same objects, without the wire. Identity is replaced at its boundary."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from carnet.common.v1 import error_reason_pb2
from carnet.consent.v1 import access_decision_service_pb2 as decision_pb
from carnet.consent.v1 import authorisation_pb2 as statement_pb
from carnet.consent.v1 import authorisation_service_pb2 as authorisation_pb
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as record_service_pb
from carnet_consent.api.access_decision import AccessDecisionServicer
from carnet_consent.api.access_explanation import AccessExplanationServicer
from carnet_consent.api.authorisations import AuthorisationServicer
from carnet_consent.api.emergency_access import EmergencyAccessServicer
from carnet_consent.api.records import RecordServicer
from carnet_consent.api.withdrawals import WithdrawalServicer
from carnet_consent.domain.mandate import Mandate
from carnet_consent.domain.person import PersonStatus
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.main import Consent, put_together
from carnet_consent.settings import ConsentSettings
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Unavailable
from carnet_platform.keys import MasterKeys
from support.calls import calling, user_of

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
CONTEXT: Any = None
"""The servicers make no use of the gRPC context."""
PERMIT_USABLE_FOR, ACKNOWLEDGED_AFTER = timedelta(milliseconds=1), timedelta(milliseconds=102)
"""So short that a withdrawal is acknowledged soon."""


class TestClock(SystemClock):
    """The machine's clock, moved by hand."""

    __test__ = False
    moved = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.moved


class KnownPersons:
    """Stands for identity: one qualified person, one who is not, a directory of doctors, and the mandates a test gives."""

    def __init__(self) -> None:
        self.mandates: dict[tuple[str, str], Mandate] = {}
        """By name and mandatary: those in force."""
        self.persons: dict[str, PersonStatus] = {}
        """Those of whom something else is known."""
        self.compared: set[tuple[str, str]] = set()
        """Who must settle first whether a person is the one registered."""
        self.is_down = False
        self.keys: dict[str, str] = {}
        """By structure: the key set by which it signs."""

    async def structure_keys(self, structure: str) -> str:
        if self.is_down:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "identity does not answer")
        return self.keys.get(structure, '{"keys": []}')

    async def status(self, patient: str, professional: str = "") -> PersonStatus:
        if self.is_down:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "identity does not answer")
        if patient == "patients/unknown":
            raise RuleBrokenError("NOT_FOUND", "There is no such person.")
        known = self.persons.get(patient, PersonStatus(is_qualified=patient != "patients/provisional", revision=1))
        return replace(known, has_open_comparison=(professional, patient) in self.compared)

    async def profession(self, professional: str) -> str:
        return "60" if "nurse" in professional else "10"

    async def display_names(self, resources: Iterable[str]) -> Mapping[str, str]:
        return {name: name.partition("/")[2].capitalize() for name in resources} if not self.is_down else {}

    async def professions(self, names: Sequence[str]) -> Mapping[str, str]:
        return {name: await self.profession(name) for name in names if "unknown" not in name}

    async def standing(self, mandate: str, mandatary: str) -> Mandate | None:
        if self.is_down:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "identity does not answer")
        return self.mandates.get((mandate, mandatary))


@dataclass(frozen=True)
class Someone:
    """A user with a token."""

    subject: str
    role: str
    structure: str = ""
    purpose: str = "TREATMENT"
    session: str = "sessions/s1"
    claims: dict[str, Any] = field(default_factory=dict)
    presenter: str = "thumbprint"
    """Of the certificate the token is bound to."""
    bringer: str = "thumbprint"
    """Of the certificate of the call."""

    @contextmanager
    def calling(self, method: str = "/carnet.consent.v1.Test/Call") -> Iterator[None]:
        """Make this user the one of the call in hand."""
        user = user_of(
            self.subject,
            role=self.role,
            organisation=self.structure,
            purpose=self.purpose,
            session=self.session,
            presenter=self.presenter,
            claims=self.claims,
        )
        with calling(user, method=method, bringer=self.bringer):
            yield


DOCTOR = Someone("professionals/doctor", "10", "structures/hospital")
NURSE = Someone("professionals/nurse", "60", "structures/hospital")
HOLDER = Someone("patients/holder", "PATIENT", purpose="PATIENT_REQUEST")
OTHER_PERSON = Someone("patients/other", "PATIENT", purpose="PATIENT_REQUEST")


@dataclass
class Running:
    """Consent, put together and running."""

    consent: Consent
    database: Any
    clock: TestClock
    identity: KnownPersons

    def _servicer(self, number: int) -> object:
        return self.consent.services[number].servicer

    @property
    def decisions(self) -> AccessDecisionServicer:
        return cast("AccessDecisionServicer", self._servicer(0))

    @property
    def records(self) -> RecordServicer:
        return cast("RecordServicer", self._servicer(1))

    @property
    def authorisations(self) -> AuthorisationServicer:
        return cast("AuthorisationServicer", self._servicer(2))

    @property
    def emergencies(self) -> EmergencyAccessServicer:
        return cast("EmergencyAccessServicer", self._servicer(3))

    @property
    def withdrawals(self) -> WithdrawalServicer:
        return cast("WithdrawalServicer", self._servicer(4))

    @property
    def explanations(self) -> AccessExplanationServicer:
        served = next(one for one in self.consent.services if one.name == "carnet.consent.v1.AccessExplanationService")
        return cast("AccessExplanationServicer", served.servicer)

    async def open(self, who: Someone = DOCTOR, patient: str = "patients/holder") -> str:
        """Open a record and return its name."""
        request = record_service_pb.OpenRecordRequest(request_id=new_request(), patient=patient, evidence=evidence())
        with who.calling("/carnet.consent.v1.RecordService/OpenRecord"):
            return (await self.records.OpenRecord(request, CONTEXT)).record.name

    async def decide(self, who: Someone, record: str) -> decision_pb.DecideResponse:
        """Decide on reading for a user, for the purpose of his token."""
        request = decision_pb.DecideRequest(
            record=record,
            purpose=cast("Any", f"PURPOSE_OF_USE_{who.purpose}"),
            action=decision_pb.ACTION_READ,
        )
        with who.calling():
            return await self.decisions.Decide(request, CONTEXT)

    async def answer(self, who: Someone, record: str) -> str:
        """`permit`, or the reason of the denial."""
        decided = await self.decide(who, record)
        return "permit" if decided.HasField("permit") else reason(decided)

    async def state(self, who: Someone, record: str, grantee: str, kind: str) -> authorisation_pb.CreateAuthorisationResponse:
        """State something about a grantee."""
        stated = statement_pb.Authorisation(grantee=grantee, kind=cast("Any", f"AUTHORISATION_KIND_{kind}"))
        request = authorisation_pb.CreateAuthorisationRequest(request_id=new_request(), parent=record, authorisation=stated)
        with who.calling("/carnet.consent.v1.AuthorisationService/CreateAuthorisation"):
            return await self.authorisations.CreateAuthorisation(request, CONTEXT)

    async def take_back(self, who: Someone, name: str) -> None:
        """Take a statement back."""
        request = authorisation_pb.DeleteAuthorisationRequest(request_id=new_request(), name=name)
        with who.calling("/carnet.consent.v1.AuthorisationService/DeleteAuthorisation"):
            await self.authorisations.DeleteAuthorisation(request, CONTEXT)


def new_request() -> str:
    """A new request identifier."""
    return str(uuid.uuid4())


def evidence() -> record_pb2.ConsentEvidence:
    """Evidence that is complete."""
    return record_pb2.ConsentEvidence(form="form", form_version="v3", method="signed on screen")


def reason(decided: decision_pb.DecideResponse) -> str:
    """The name of the reason of a denial."""
    return error_reason_pb2.ErrorReason.Name(decided.denial.reason).removeprefix("ERROR_REASON_")


def settings(**changed: object) -> ConsentSettings:
    """Settings of a test; the addresses are not used, and permits are so short that a withdrawal is acknowledged soon."""
    nowhere = Path("/nonexistent")
    needed: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "health_listen": "127.0.0.1:0",
        "certificate_folder": nowhere,
        "mongo_url_file": nowhere,
        "identity_target": "127.0.0.1:0",
        "audit_target": "127.0.0.1:0",
        "environment": "test",
        "permit_usable_for": PERMIT_USABLE_FOR,
        "acknowledge_after": ACKNOWLEDGED_AFTER,
    }
    return ConsentSettings(**(needed | changed))


@asynccontextmanager
async def started(
    database: tuple[Any, Any], configured: ConsentSettings, clock: TestClock, identity: KnownPersons
) -> AsyncIterator[Running]:
    """Consent on a database, with its batches, until the end of the block."""
    client, opened = database
    consent = await put_together(client, KEYS, clock, configured, identity)
    reading = asyncio.create_task(consent.batch.run())
    try:
        yield Running(consent, opened, clock, identity)
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        await consent.journal.close()


@pytest.fixture
async def running(database: tuple[Any, Any]) -> AsyncIterator[Running]:
    """Consent on a fresh database."""
    async with started(database, settings(read_batch_timeout=timedelta(seconds=1)), TestClock(), KnownPersons()) as one:
        yield one
