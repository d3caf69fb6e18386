"""Every kind of withdrawal of docs/architecture.md, promise 2, as trials make it happen: somebody may read, and then no more (C4).

`KINDS` is the table. A kind makes that somebody may read a person's document and gives his session, what withdraws that, the reason that
later reads are refused with, and what puts the record back as it was. A withdrawal returns once it is acknowledged.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import grpc
from carnet.common.v1.purpose_of_use_pb2 import PURPOSE_OF_USE_EMERGENCY_DISPATCH, PURPOSE_OF_USE_OPERATIONS
from carnet.consent.v1.authorisation_service_pb2 import HideDocumentRequest, UnhideDocumentRequest
from carnet.consent.v1.record_pb2 import ConsentEvidence, EmergencySwitches
from carnet.consent.v1.record_service_pb2 import CloseRecordRequest, ReopenRecordRequest, UpdateEmergencySwitchesRequest
from carnet.consent.v1.withdrawal_service_pb2 import RegisterWithdrawalRequest
from carnet.consent.v1.withdrawal_service_pb2_grpc import WithdrawalServiceStub
from carnet.documents.v1.document_lifecycle_service_pb2 import MaskDocumentRequest, UnmaskDocumentRequest
from carnet.identity.v1 import mandate_service_pb2 as mandates
from carnet.identity.v1.admin_service_pb2 import ApproveOperationRequest, ProposeOperationRequest
from carnet.identity.v1.patient_pb2 import Ins
from carnet.identity.v1.session_service_pb2 import RevokeSessionRequest
from carnet_client import UserSession, request_id
from carnet_dev.demo.cast import Cast, Member
from carnet_dev.local_run import LocalRun

from support.cda import TEST_INS_AUTHORITY
from support.people import BLOCK, HERSELF, STANDING, TREATMENT, Somebody, invented, state, take_back, with_record
from support.waiting import elapsed

PATIENCE_SECONDS = 30
ACKNOWLEDGED_AFTER = timedelta(milliseconds=505)
"""What identity waits after consent's commit (architecture.md 5)."""
_TOLERANCE = timedelta(seconds=60)
"""So much longer than its end says consent keeps a withdrawal (trial R9)."""
_ACTIVITY_GONE = timedelta(seconds=25)
"""So long nobody reads under the activity: longer than a trial, shorter than it takes to come back to it."""
EVIDENCE = ConsentEvidence(form="form", form_version="v3", method="signed on screen")
MOTHER_BORN, CHILD_YEARS = "19850612", 15
Withdrawal = Callable[[], Awaitable[None]]


async def _nothing() -> None:
    """Nothing is put back."""


@dataclass(frozen=True)
class Permitted:
    """Who may read now, and what ends that."""

    reader: UserSession
    withdraw: Withdrawal
    restore: Withdrawal = _nothing


@dataclass
class Lane:
    """A child of 15 with a record and a document; one thing happens to her at a time."""

    somebody: Somebody
    herself: UserSession
    document: str
    is_large: bool = False
    is_authorised: bool = False
    """Whether the reader's standing authorisation is in force."""

    @property
    def record(self) -> str:
        return self.somebody.record


@dataclass
class Company:
    """Who takes part in the trials of one system."""

    carnet: LocalRun
    cast: Cast
    doctor: UserSession
    bruno: Member
    reader: UserSession
    """Bruno, in treatment."""
    at_hospital: UserSession
    """The same in his other structure."""
    dispatcher: UserSession
    operators: tuple[UserSession, UserSession]
    mother: Somebody
    identity: grpc.aio.Channel
    """To consent, as identity calls it."""
    hospital: str

    @classmethod
    async def gathered(cls, carnet: LocalRun, stack: AsyncExitStack) -> Self:
        """Everybody logged in."""
        cast = await stack.enter_async_context(Cast(carnet.folder))
        alice, bruno, fanny = [await cast.member(user) for user in ("alice", "bruno", "fanny")]
        hospital = (await cast.member("bruno", workplace=1)).structure
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        folder = carnet.certificate_folder("identity")
        key, certificate, authority = ((folder / name).read_bytes() for name in ("key.pem", "cert.pem", "ca.pem"))
        credentials = grpc.ssl_channel_credentials(authority, key, certificate)
        channel = await stack.enter_async_context(grpc.aio.secure_channel(carnet.targets.consent, credentials))
        return cls(
            carnet=carnet,
            cast=cast,
            doctor=doctor,
            bruno=bruno,
            reader=await cast.session("bruno", "software/gp", TREATMENT, bruno.structure),
            at_hospital=await cast.session("bruno", "software/gp", TREATMENT, hospital),
            dispatcher=await cast.session("fanny", "software/emergency", PURPOSE_OF_USE_EMERGENCY_DISPATCH, fanny.structure),
            operators=(
                await cast.session("olga", "operations", PURPOSE_OF_USE_OPERATIONS),
                await cast.session("omar", "operations", PURPOSE_OF_USE_OPERATIONS),
            ),
            mother=await with_record(doctor, invented("MERE"), birth_date=MOTHER_BORN),
            identity=channel,
            hospital=hospital,
        )

    async def lane(self, filler: int = 0) -> Lane:
        """A new one, whose document is so many bytes larger than it need be."""
        today = datetime.now(UTC)
        born = f"{today.year - CHILD_YEARS - 1}1231" if (today.month, today.day) < (1, 20) else f"{today.year - CHILD_YEARS}0101"
        child = await with_record(self.doctor, invented("ENFANT"), birth_date=born)
        content = child.document(1, birth_time=born, filler="x" * filler)
        deposit = await self.doctor.deposit(child.record, content)
        return Lane(child, await self.cast.session(f"ins:{child.ins}", "portal", HERSELF), deposit.entry.name, is_large=filler > 0)

    async def new_session(self) -> UserSession:
        """Another session of the reader."""
        return await self.cast.session("bruno", "software/gp", TREATMENT, self.bruno.structure)

    async def authorise(self, lane: Lane) -> None:
        """The reader may read, as far as the record's holder has a say."""
        if not lane.is_authorised:
            await state(lane.herself, lane.record, self.bruno.name, STANDING)
            lane.is_authorised = True


async def asked(by: UserSession, method: Callable[..., Any], request: Any) -> None:  # noqa: ANN401 - of any service
    """Make a call of a user, which changes something."""
    request.request_id = request_id()
    await method(request, metadata=await by.metadata(), timeout=PATIENCE_SECONDS)


async def authorisation(company: Company, lane: Lane) -> Permitted:
    """She takes the authorisation back."""
    lane.is_authorised = True
    statement = await state(lane.herself, lane.record, company.bruno.name, STANDING)

    async def withdraw() -> None:
        lane.is_authorised = False
        await take_back(lane.herself, statement)

    return Permitted(company.reader, withdraw)


async def block(company: Company, lane: Lane) -> Permitted:
    """She blocks him."""
    await company.authorise(lane)
    blocks: list[str] = []

    async def withdraw() -> None:
        lane.is_authorised = False
        blocks.append(await state(lane.herself, lane.record, company.bruno.name, BLOCK))

    return Permitted(company.reader, withdraw, lambda: take_back(lane.herself, blocks.pop()))


async def named_hide(company: Company, lane: Lane) -> Permitted:
    """She hides the document from him."""
    await company.authorise(lane)
    service, about = lane.herself.connection.authorisations, {"document": lane.document, "grantee": company.bruno.name}

    return Permitted(
        company.reader,
        lambda: asked(lane.herself, service.HideDocument, HideDocumentRequest(**about)),
        lambda: asked(lane.herself, service.UnhideDocument, UnhideDocumentRequest(**about)),
    )


async def mask(company: Company, lane: Lane) -> Permitted:
    """She masks the document from professionals."""
    await company.authorise(lane)
    service = lane.herself.connection.lifecycle

    return Permitted(
        company.reader,
        lambda: asked(lane.herself, service.MaskDocument, MaskDocumentRequest(name=lane.document)),
        lambda: asked(lane.herself, service.UnmaskDocument, UnmaskDocumentRequest(name=lane.document)),
    )


async def switch(company: Company, lane: Lane) -> Permitted:
    """She opposes that Centre 15 reads."""
    update = lane.herself.connection.records.UpdateEmergencySwitches

    async def turn(*, on: bool) -> None:
        switches = EmergencySwitches(dispatch=on, break_glass=True)
        await asked(lane.herself, update, UpdateEmergencySwitchesRequest(record=lane.record, emergency_switches=switches))

    return Permitted(company.dispatcher, lambda: turn(on=False), lambda: turn(on=True))


async def closing(company: Company, lane: Lane) -> Permitted:
    """She closes her record."""
    await company.authorise(lane)
    records = lane.herself.connection.records
    close = CloseRecordRequest(record=lane.record, motive_code="FERMETURE_DEMANDE_PATIENT", evidence=EVIDENCE)
    reopen = ReopenRecordRequest(record=lane.record, consent_confirmed=True, evidence=EVIDENCE)

    return Permitted(
        company.reader,
        lambda: asked(lane.herself, records.CloseRecord, close),
        lambda: asked(lane.herself, records.ReopenRecord, reopen),
    )


async def mandate(company: Company, lane: Lane) -> Permitted:
    """She suspends her mother's mandate."""
    mother = company.mother
    request = mandates.RegisterMandateRequest(
        request_id=request_id(),
        holder=lane.somebody.patient,
        mandatary=mandates.MandataryMatch(
            ins=Ins(value=mother.ins, authority=TEST_INS_AUTHORITY),
            family_name=mother.family_name,
            given_name=mother.given_name,
            birth_date=MOTHER_BORN,
        ),
        kind=mandates.MANDATE_KIND_MINOR_REPRESENTATION,
        relation=mandates.MANDATE_RELATION_MOTHER,
        evidence="family record book",
    )
    doctor = company.doctor
    answer = await doctor.connection.mandates.RegisterMandate(request, metadata=await doctor.metadata(), timeout=PATIENCE_SECONDS)
    name = answer.mandate.name
    suspend = lane.herself.connection.mandates.SuspendMandate

    return Permitted(
        await company.cast.session(f"ins:{mother.ins}", "portal", HERSELF, mandate=name),
        lambda: asked(lane.herself, suspend, mandates.SuspendMandateRequest(mandate=name, reason="a danger")),
    )


async def session(company: Company, lane: Lane) -> Permitted:
    """His session ends."""
    await company.authorise(lane)
    return await revoked(company)


async def revoked(company: Company) -> Permitted:
    """A session of his, that his software ends."""
    reader = await company.new_session()

    async def withdraw() -> None:
        request = RevokeSessionRequest(request_id=request_id(), session=reader.session)
        await reader.connection.sessions.RevokeSession(request, timeout=PATIENCE_SECONDS)

    return Permitted(reader, withdraw)


async def stopped(company: Company) -> Permitted:
    """A session of his, that two operators stop."""
    reader = await company.new_session()
    first, second = company.operators

    async def withdraw() -> None:
        admin = first.connection.identity_admin
        proposal = ProposeOperationRequest(request_id=request_id(), kind="stop", target=reader.session, reason="a trial of withdrawals")
        proposed = await admin.ProposeOperation(proposal, metadata=await first.metadata(), timeout=PATIENCE_SECONDS)
        await asked(second, admin.ApproveOperation, ApproveOperationRequest(operation=proposed.operation.name))

    return Permitted(reader, withdraw)


async def activity(company: Company) -> Permitted:
    """He works at the hospital no more: what an import of the directory tells consent, as identity tells it."""
    professional, structure = company.bruno.name.partition("/")[2], company.hospital.partition("/")[2]

    async def withdraw() -> None:
        request = RegisterWithdrawalRequest(request_id=request_id(), subject=f"activities/{professional}/{structure}")
        request.expire_time.FromDatetime(datetime.now(UTC) - _TOLERANCE + _ACTIVITY_GONE)
        await WithdrawalServiceStub(company.identity).RegisterWithdrawal(request, timeout=5)
        await elapsed(ACKNOWLEDGED_AFTER.total_seconds())

    return Permitted(company.at_hospital, withdraw)


@dataclass(frozen=True)
class Kind:
    """A line of the table."""

    made: Callable[[Company, Lane], Awaitable[Permitted]]
    reason: str
    """Why a later read is refused."""
    share: int
    """Of the trials of single records, in hundredths."""


KINDS = (
    Kind(authorisation, "NEEDS_CONSENT", 28),
    Kind(block, "BLOCKED", 24),
    Kind(named_hide, "NOT_FOUND", 14),
    Kind(mask, "NOT_FOUND", 14),
    Kind(switch, "EMERGENCY_OPPOSED", 6),
    Kind(closing, "RECORD_CLOSED", 8),
    Kind(session, "SESSION_WITHDRAWN", 3),
    Kind(mandate, "SESSION_WITHDRAWN", 3),
)
"""Of one record each."""
Shared = Callable[[Company], Awaitable[Permitted]]
SHARED: tuple[Shared, ...] = (stopped, revoked, activity)
"""One withdrawal from somebody who reads in many records at once; each is refused with SESSION_WITHDRAWN."""
