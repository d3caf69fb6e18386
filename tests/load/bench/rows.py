"""The operations measured, and the floors they are compared with."""

import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
from bson.binary import Binary
from carnet.consent.v1.access_decision_service_pb2 import Action, DecideRequest
from carnet.consent.v1.access_decision_service_pb2_grpc import AccessDecisionServiceStub
from carnet.documents.v1.document_query_service_pb2 import ReadDocumentRequest
from carnet.identity.v1.patient_pb2 import Ins
from carnet.identity.v1.patient_registry_service_pb2 import LookupPatientRequest
from carnet.identity.v1.patient_search_service_pb2 import SearchPatientsRequest
from carnet_client import UserSession
from carnet_platform.journal import Journal
from carnet_platform.mongo import MAJORITY, Collection
from load.bench.floor_server import METHOD, SERVICE
from load.bench.load import Operation
from load.bench.papers import clinical_document
from load.bench.persons import invented
from load.bench.seed import person

FLOOR_KEYS = 10_000
IN_FLIGHT = (1, 16, 64)
EVENT_BYTES = 600


@dataclass(frozen=True)
class Comparison:
    """A row: what is measured and the floor it is divided by."""

    name: str
    floor: str
    operation: Operation
    floor_operation: Operation
    prepare: Callable[[], Awaitable[None]] | None = None
    """What must be there before it is measured, and not before."""
    in_flight: tuple[int, ...] = IN_FLIGHT
    is_by_processor: bool = False
    """Compared by the processor time of services and stores for one operation, not by operations a second."""


def find_through(channel: grpc.aio.Channel, collection: str) -> Operation:
    """The floor of what reads."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{SERVICE}/{METHOD}")

    async def operation() -> int:
        found = await call(f"{collection}/{random.randrange(FLOOR_KEYS)}".encode(), timeout=30)
        return len(found)

    return operation


def find_record_through(channel: grpc.aio.Channel, records: list[str]) -> Operation:
    """The floor of a decision: the very record, drawn at random."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{SERVICE}/{METHOD}")

    async def operation() -> int:
        return len(await call(random.choice(records).encode(), timeout=30))

    return operation


def decide(channel: grpc.aio.Channel, session: UserSession, records: list[str]) -> Operation:
    """One decision about a record drawn at random, asked with the certificate of documents."""
    stub = AccessDecisionServiceStub(channel)

    async def operation() -> int:
        request = DecideRequest(record=random.choice(records), purpose=session.purpose, action=Action.ACTION_READ)
        answer = await stub.Decide(request, metadata=await session.metadata(), timeout=30)
        if not answer.HasField("permit"):
            raise RuntimeError("the bench professional must be permitted")
        return 0

    return operation


def read(session: UserSession, pairs: list[tuple[str, str]]) -> Operation:
    """One document of 50 kB drawn at random, read through the whole path."""

    async def operation() -> int:
        request = ReadDocumentRequest(name=random.choice(pairs)[1], purpose=session.purpose)
        moved = 0
        async for part in session.connection.documents.ReadDocument(request, metadata=await session.metadata(), timeout=30):
            moved += len(part.chunk)
        return moved

    return operation


def deposit(session: UserSession, pairs: list[tuple[str, str]], size: int) -> Operation:
    """One new document deposited in a record drawn at random."""
    chance = random.Random(os.urandom(8))
    run = chance.randrange(1, 10**9)
    count = 0

    async def operation() -> int:
        nonlocal count
        count += 1
        number = random.randrange(len(pairs))
        await session.deposit(pairs[number][0], clinical_document(person(number), f"2.{run}.{count}", size, chance))
        return size

    return operation


def insert(collection: Collection, size: int) -> Operation:
    """The floor of what writes: one bare durable insert of the same bytes."""
    durable = collection.with_options(write_concern=MAJORITY)

    async def operation() -> int:
        await durable.insert_one({"content": Binary(os.urandom(size))})
        return size

    return operation


def append(journal: Journal) -> Operation:
    """One event made durable by the journal."""

    async def operation() -> int:
        await journal.append(os.urandom(EVENT_BYTES))
        return EVENT_BYTES

    return operation


def resolve_patient(session: UserSession, persons: int) -> Operation:
    """One person drawn at random, looked up by INS."""

    async def operation() -> int:
        someone = invented(random.randrange(persons))
        request = LookupPatientRequest(ins=Ins(value=someone.ins.value, authority=someone.ins.authority))
        answer = await session.connection.patients.LookupPatient(request, metadata=await session.metadata(), timeout=30)
        return answer.ByteSize()

    return operation


def search_patient(session: UserSession, persons: int) -> Operation:
    """One person drawn at random, looked for by family name, given name and date of birth."""

    async def operation() -> int:
        traits = invented(random.randrange(persons)).traits
        request = SearchPatientsRequest(
            family_name=traits.birth_family_name.title(), given_name=traits.first_given_name.title(), birth_date=traits.birth_date
        )
        answer = await session.connection.search.SearchPatients(request, metadata=await session.metadata(), timeout=30)
        if not answer.candidates:
            raise RuntimeError("the bench's persons must be found")
        return answer.ByteSize()

    return operation
