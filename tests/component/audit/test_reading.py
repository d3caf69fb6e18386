"""Reading and exporting a history, with consent and identity replaced by what they would answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from carnet.audit.v1 import audit_reader_service_pb2 as pb
from carnet.audit.v1 import checkpoint_service_pb2 as checkpoint_pb
from carnet.common.v1 import error_reason_pb2 as reasons
from carnet.consent.v1 import access_decision_service_pb2 as decision
from carnet.identity.v1 import directory_service_pb2 as directory
from carnet_audit.api.checkpoints import CheckpointServicer
from carnet_audit.api.reader import AuditReaderServicer
from carnet_audit.clients.consent import Consent
from carnet_audit.clients.directory import DisplayNames
from carnet_audit.usecases.export_history import ExportHistory
from carnet_audit.usecases.own_events import OwnEvents
from carnet_audit.usecases.page_tokens import PageTokens
from carnet_audit.usecases.read_history import ReadHistory
from carnet_audit.usecases.release import HistoryRelease
from carnet_audit.usecases.ship_own_journal import LocalSender
from carnet_platform.calls import Call, Caller, User, current
from carnet_platform.errors import Denied, InvalidArgument, Unavailable
from carnet_platform.journal import Journal
from carnet_platform.permits import Release, release
from carnet_platform.shipping import Shipper
from carnet_verify.history import read_history
from carnet_verify.verify import verify_history
from component.audit.world import MASTERS, RECORD, SIGNER, World, Writer, all_of, open_world
from support.waiting import eventually

NAMES = {"professionals/b": "Dr Bruno EXEMPLE", "structures/f": "Hôpital de la Fontaine"}
CONTEXT = cast("Any", None)


@dataclass
class Neighbours:
    """Consent and identity: what they answer and what they were asked."""

    answer: decision.DecideResponse
    asked: list[decision.DecideRequest] = field(default_factory=list)
    is_identity_down: bool = False
    lookups: int = 0

    def __call__(self) -> "Neighbours":
        return self

    async def Decide(self, request: decision.DecideRequest) -> decision.DecideResponse:  # noqa: N802 - the contract's name
        self.asked.append(request)
        return self.answer

    async def BatchGetDisplayNames(  # noqa: N802
        self, request: directory.BatchGetDisplayNamesRequest
    ) -> directory.BatchGetDisplayNamesResponse:
        if self.is_identity_down:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "down")
        self.lookups += 1
        found = [name for name in request.names if name in NAMES]
        shown = [directory.BatchGetDisplayNamesResponse.DisplayName(name=name, display_name=NAMES[name]) for name in found]
        return directory.BatchGetDisplayNamesResponse(display_names=shown)


def permitted() -> decision.DecideResponse:
    answer = decision.DecideResponse(rule="holder", patient="patients/p")
    answer.permit.usable_for.FromTimedelta(timedelta(milliseconds=400))
    return answer


def denied() -> decision.DecideResponse:
    denial = decision.Denial(reason=reasons.ERROR_REASON_ROLE_NOT_ALLOWED, message="Holder only.")
    return decision.DecideResponse(denial=denial, consent_revision=1)


@dataclass
class Reader:
    """Audit's reading half over a world."""

    world: World
    neighbours: Neighbours
    journal: Journal
    shipper: Shipper
    events: OwnEvents
    servicer: AuditReaderServicer
    checkpoints: CheckpointServicer

    async def list(self, page_size: int = 0, page_token: str = "", language_code: str = "") -> pb.ListAccessHistoryResponse:
        request = pb.ListAccessHistoryRequest(record=RECORD, page_size=page_size, page_token=page_token, language_code=language_code)
        return await self.servicer.ListAccessHistory(request, CONTEXT)

    async def export(self) -> bytes:
        parts = self.servicer.ExportAccessHistory(pb.ExportAccessHistoryRequest(record=RECORD), CONTEXT)
        return b"".join([part.chunk async for part in parts])

    async def ship(self) -> None:
        """Bring what this service recorded into the log."""
        await self.shipper.drain()
        await self.world.sequence()


@asynccontextmanager
async def calling(subject: str = "patients/p") -> AsyncIterator[Release]:
    """Be inside a call of this user."""
    user = User(subject, "PATIENT", "", "", "PATIENT_REQUEST", "sessions/s", "spiffe://carnet/portal", "x", "t", "d", datetime.now(UTC), {})
    call = Call("/m", "8a9a2c2e-0000-4000-8000-000000000000", Caller("spiffe://carnet/portal", "x"), user, None, "0" * 32, "")
    made = Release()
    tokens = current.set(call), release.set(made)
    try:
        yield made
    finally:
        current.reset(tokens[0])
        release.reset(tokens[1])


@pytest.fixture
async def reader(database: tuple[Any, Any]) -> AsyncIterator[Reader]:
    world = await open_world(database)
    neighbours = Neighbours(permitted())
    journal = await Journal.open(database[1], MASTERS, world.clock, service="audit")
    events = OwnEvents(journal, world.clock)
    gate = HistoryRelease(Consent(cast("Any", neighbours), world.clock), events, world.clock)
    names = DisplayNames(cast("Any", neighbours), world.clock, timedelta(minutes=10))
    exporting = ExportHistory(gate, world.histories, world.log, names, SIGNER)
    servicer = AuditReaderServicer(ReadHistory(gate, world.histories, names, PageTokens(MASTERS)), exporting)
    shipper = Shipper(journal, None, LocalSender(world.intake, "audit"), world.clock)
    writer = Writer()
    await world.intake.register("documents", "s1", writer.public_key)
    await world.intake.append("documents", "s1", writer.batches(4))
    await world.sequence()
    yield Reader(world, neighbours, journal, shipper, events, servicer, CheckpointServicer(exporting))
    await journal.close()


async def test_a_history_is_read_newest_first_in_words_and_pages(reader: Reader) -> None:
    async with calling() as made:
        first = await reader.list(page_size=5)
        assert made.permit is not None, "the answer is sent under the permit"
        second = await reader.list(page_size=5, page_token=first.next_page_token)
        third = await reader.list(page_size=5, page_token=second.next_page_token, language_code="en")
    numbers = [line.number for page in (first, second, third) for line in page.lines]
    assert numbers == list(range(12, 0, -1))
    assert (first.total_size, third.next_page_token) == (12, "")
    assert first.lines[0].actor_name == "Dr Bruno EXEMPLE"
    expected = "Dr Bruno EXEMPLE (médecin), pour Hôpital de la Fontaine, avec le logiciel du cabinet, a lu « Synthèse 12 »"
    assert expected in first.lines[0].text
    assert "read “Synthèse 2”" in third.lines[0].text
    assert first.lines[0].event.document_title == "Synthèse 12"
    assert all(line.next_step for line in first.lines)
    assert reader.neighbours.lookups == 1, "names are remembered"
    assert reader.neighbours.asked[0].action == decision.ACTION_READ_HISTORY


async def test_reading_the_history_is_itself_in_the_history(reader: Reader) -> None:
    """A5: listing and exporting are lines, through the same intake as everybody's."""
    async with calling():
        await reader.list()
        await reader.export()
        await reader.ship()
        page = await reader.list(page_size=2)
    assert [line.event.kind for line in page.lines] == ["history.exported", "history.read"]
    assert page.lines[0].event.actor.subject == "patients/p"


async def test_an_export_is_the_file_that_verifies(reader: Reader) -> None:
    async with calling():
        history = read_history(await reader.export())
    answer = verify_history(history, key=SIGNER.verifier_key())
    assert (answer.is_complete, answer.count, history.names) == (True, 12, NAMES)
    checkpoint = await reader.checkpoints.GetCheckpoint(checkpoint_pb.GetCheckpointRequest(), CONTEXT)
    assert (checkpoint.checkpoint, checkpoint.verifier_key) == (history.checkpoint, str(SIGNER.verifier_key()))


async def test_an_export_of_several_pages_is_one_file(reader: Reader) -> None:
    writer = Writer("s2")
    await reader.world.intake.register("documents", "s2", writer.public_key)
    await reader.world.intake.append("documents", "s2", writer.batches(2, 230))
    await reader.world.sequence()
    async with calling():
        history = read_history(await reader.export())
    assert verify_history(history).count == len(history.lines) == 472
    assert verify_history(history).is_complete


async def test_a_refusal_is_written_before_it_is_told_and_the_rest_counted(reader: Reader) -> None:
    """A5: the first by itself, the others of that minute counted into one."""
    reader.neighbours.answer = denied()
    async with calling("patients/other"):
        for _ in range(5):
            with pytest.raises(Denied, match="ROLE_NOT_ALLOWED"):
                await reader.list()
        with pytest.raises(Denied):
            await reader.export()
        await reader.events.close()
    await reader.ship()
    reader.neighbours.answer = permitted()
    async with calling():
        page = await reader.list(page_size=2)
    assert [(line.event.kind, line.event.reason, line.event.count) for line in page.lines] == [
        ("access.refused", "ROLE_NOT_ALLOWED", 5),
        ("access.refused", "ROLE_NOT_ALLOWED", 0),
    ]


async def test_another_patients_refused_access_is_never_told_as_the_holders(reader: Reader) -> None:
    """In the list and in the file, which names the holder under the signed count."""
    reader.neighbours.answer = denied()
    async with calling("patients/evil"):
        with pytest.raises(Denied):
            await reader.list()
    await reader.ship()
    reader.neighbours.answer = permitted()
    async with calling():
        await reader.list()
        await reader.ship()
        shown = (await reader.list(page_size=2, language_code="en")).lines
        history = read_history(await reader.export())
    assert [(line.event.kind, line.actor_name) for line in shown] == [("history.read", "you"), ("access.refused", "another patient")]
    assert history.holder == "patients/p"
    stolen = verify_history(replace(history, holder="patients/evil")).problem
    assert stolen is not None
    assert stolen.step == 3


async def test_nothing_is_shown_when_the_reading_cannot_be_recorded(reader: Reader) -> None:
    await reader.journal.close()
    async with calling() as made:
        with pytest.raises(Unavailable, match="EVENT_NOT_DURABLE"):
            await reader.list()
        with pytest.raises(Unavailable, match="EVENT_NOT_DURABLE"):
            await reader.export()
        assert made.permit is None


async def test_a_permit_is_renewed_and_a_withdrawn_one_ends_the_answer(reader: Reader) -> None:
    async with calling() as made:
        await reader.list()
        assert made.permit is not None
        assert await made.permit.renew() is not None
        reader.neighbours.answer = denied()
        assert await made.permit.renew() is None
        await made.permit.withdrawn()
        await made.permit.late()
    await reader.ship()
    assert await reader.world.collections.events.distinct("kind", {"producer": {"$regex": "^audit/"}}) == [
        "history.read",
        "release.late",
        "release.withdrawn",
    ]


@pytest.mark.parametrize("end", ["late", "withdrawn"])
async def test_what_is_told_of_a_failed_release_does_not_end_with_its_call(reader: Reader, end: str) -> None:
    """Promise 2: the call that overslept has nothing left."""
    async with calling() as made:
        await reader.list()
        assert made.permit is not None
        current.set(replace(current.get(), deadline=reader.world.clock.boottime() - 1))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await {"late": made.permit.late, "withdrawn": made.permit.withdrawn}[end]()
    await eventually(lambda: reader.journal.next_seq == 2)


async def test_a_history_is_readable_without_names_when_identity_is_down(reader: Reader) -> None:
    reader.neighbours.is_identity_down = True
    async with calling():
        page = await reader.list(page_size=1)
        history = read_history(await reader.export())
    assert page.lines[0].actor_name == "une personne dont le nom n'est pas disponible"
    assert verify_history(history).is_complete


async def test_a_page_token_serves_its_user_alone(reader: Reader) -> None:
    async with calling():
        token = (await reader.list(page_size=5)).next_page_token
    async with calling("patients/other"):
        for wrong in (token, token[:-2], "x", "é"):
            with pytest.raises(InvalidArgument, match="PAGE_TOKEN_INVALID"):
                await reader.list(page_token=wrong)


@pytest.mark.parametrize("request_of", [{"page_size": -1}, {"language_code": "de"}])
async def test_a_request_that_breaks_a_rule_asks_nobody(reader: Reader, request_of: dict[str, Any]) -> None:
    async with calling():
        with pytest.raises(InvalidArgument, match="INVALID_FIELD"):
            await reader.list(**request_of)
    assert reader.neighbours.asked == []
    assert await all_of(reader.world) == 12
