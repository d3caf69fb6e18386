"""Ten thousand records, each with one document of 50 kB, put in through the public interface by one bench professional.

They are made once and kept in the bench's folder, with their names in ``seed.json``; a run that was broken off is gone on with.
"""

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
from carnet.consent.v1.record_pb2 import ConsentEvidence
from carnet.consent.v1.record_service_pb2 import OpenRecordRequest
from carnet.identity.v1.patient_pb2 import IdentityStatus, Ins, Sex, Traits
from carnet.identity.v1.patient_registry_service_pb2 import RegisterPatientRequest
from carnet_client import Refused, UserSession
from load.bench.papers import clinical_document
from support.people import QUALIFYING
from support.waiting import elapsed

RECORDS = 10_000
DOCUMENT_BYTES = 50_000
AT_ONCE = 24
TRIES, PAUSE_SECONDS = 6, 2.0
INS_AUTHORITY = "1.2.250.1.213.1.4.10"


@dataclass(frozen=True)
class Person:
    """An invented person with a test INS whose key holds."""

    ins: str
    family: str
    given: str
    birth: str


def person(number: int) -> Person:
    """The ``number``-th person: a woman born in 1950, department 51."""
    body = f"25001{51:02d}{number // 1000 % 1000:03d}{number % 1000:03d}"
    return Person(f"{body}{97 - int(body) % 97:02d}", "BANC" + _letters(number), "ESSAI", "19500115")


def _letters(number: int) -> str:
    return "".join(chr(ord("A") + number // 26**power % 26) for power in range(3))


async def seeded(folder: Path, session: UserSession, say: Callable[[str], None]) -> list[tuple[str, str]]:
    """(record, document) of each person in order; those that an earlier run has not made are made now."""
    file = folder / "seed.json"
    pairs: dict[int, list[str]] = {}
    if file.exists():
        pairs = {int(number): pair for number, pair in json.loads(file.read_text(encoding="utf-8")).items()}
    began, missing = time.monotonic(), [number for number in range(RECORDS) if number not in pairs]

    async def one(number: int) -> None:
        pairs[number] = list(await _patiently(lambda: _put(session, person(number), number)))
        if len(pairs) % 1000 == 0:
            say(f"{len(pairs)} of {RECORDS} records with a document of 50 kB, {time.monotonic() - began:.0f} s")

    try:
        await _all(one(number) for number in missing)
    finally:
        file.write_text(json.dumps(pairs), encoding="utf-8")
    return [(pairs[number][0], pairs[number][1]) for number in range(RECORDS)]


async def _patiently(put: Callable[[], Awaitable[tuple[str, str]]]) -> tuple[str, str]:
    """Try again what a busy machine refused: each step of it is idempotent."""
    for _ in range(TRIES - 1):
        try:
            return await put()
        except (Refused, grpc.aio.AioRpcError, httpx.TransportError):
            await elapsed(PAUSE_SECONDS)
    return await put()


async def _all(jobs: Iterable[Awaitable[None]]) -> None:
    waiting = iter(jobs)

    async def worker() -> None:
        for job in waiting:
            await job

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def _put(session: UserSession, someone: Person, number: int) -> tuple[str, str]:
    connection = session.connection
    traits = Traits(
        birth_family_name=someone.family, first_given_name=someone.given, birth_date=someone.birth, sex=Sex.SEX_FEMALE, birth_place="51215"
    )
    register = RegisterPatientRequest(
        request_id=_id(number, "register"),
        ins=Ins(value=someone.ins, authority=INS_AUTHORITY),
        traits=traits,
        identity_status=IdentityStatus.IDENTITY_STATUS_QUALIFIED,
        identity_evidence=QUALIFYING,
    )
    patient = (await connection.patients.RegisterPatient(register, metadata=await session.metadata(), timeout=30)).patient.name
    evidence = ConsentEvidence(form="bench", form_version="1", method="invented")
    request = OpenRecordRequest(request_id=_id(number, "open"), patient=patient, evidence=evidence)
    record = (await connection.records.OpenRecord(request, metadata=await session.metadata(), timeout=30)).record.name
    deposit = await session.deposit(record, clinical_document(someone, f"1.{number}", DOCUMENT_BYTES, random.Random(number)))
    return record, deposit.entry.name


def _id(number: int, what: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"bench/{what}/{number}"))
