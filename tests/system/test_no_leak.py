"""No health data and no national identifier outside of what is sealed: planted words are looked for wherever they could have gone.

Names, RPPS and FINESS of professionals and structures are public (the directory is in clear), so they are not looked for by
themselves; but a professional's number never stands beside a record. What a person or her software sends back to her (her own
entries, titles, history) is hers: only refusals and resource names are looked into among the answers.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from carnet.documents.v1.document_query_service_pb2 import GetDocumentRequest, ReadDocumentRequest
from carnet.identity.v1.patient_pb2 import Ins
from carnet.identity.v1.patient_registry_service_pb2 import LookupPatientRequest
from carnet_client import UserSession
from carnet_dev.local_run import LocalRun
from google.protobuf.message import Message
from support.answers import Answer, refusal, refusal_or_none
from support.canaries import Place, found_in, invented_word, remembered, stored, together_in, told
from support.cda import TEST_INS_AUTHORITY
from support.contracts import Metadata, Rpc, call, filled, open_channel, rpcs, texts
from support.histories import settled, verified
from support.people import invented
from support.scenes import Scene, break_glass, played
from support.waiting import eventually

NAMES = {"name", "record", "document", "patient", "depositor", "etag", "emergency_episode", "request_id", "trace_id"}
"""Fields whose texts anybody may write down."""
TRACED = timedelta(seconds=10)


@dataclass
class Said:
    """What came back that anybody may write down: refusals, and names of things."""

    refusals: list[Answer] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    async def refused(self, call: Awaitable[object]) -> Answer:
        """Await a refusal and keep what it said."""
        answer = await refusal(call)
        self.refusals.append(answer)
        return answer

    def named(self, messages: Iterable[Message]) -> None:
        """Keep every text of these that is a name, a tag or a token."""
        names = {
            "name",
            "record",
            "document",
            "patient",
            "depositor",
            "etag",
            "next_page_token",
            "emergency_episode",
            "request_id",
            "trace_id",
        }
        self.names |= {text for message in messages for field, text in texts(message) if field in names}

    def places(self) -> list[Place]:
        return [Place(f"refusal {one.brief}", one.said.encode()) for one in self.refusals] + [
            Place("name", name.encode()) for name in self.names
        ]


@dataclass(frozen=True)
class Canaries:
    """The words, each planted where a careless line would write it down."""

    ins: str
    family_name: str
    given_name: str
    diagnosis: str = field(default_factory=invented_word)
    """In a title and in a body."""
    reason: str = field(default_factory=invented_word)
    """Of an emergency."""
    refused: str = field(default_factory=invented_word)
    """In every field of requests that are refused."""
    carried: str = field(default_factory=invented_word)
    """In request ids and other metadata."""

    def words(self) -> dict[str, str]:
        return {"ins": self.ins, "matricule": self.ins[:13], **{name: word for name, word in vars(self).items() if name != "ins"}}


@pytest.mark.this_machine("logs, traces and stores behind the services")
async def test_nothing_planted_is_found_outside_of_what_is_sealed(carnet: LocalRun) -> None:
    """S9: INS, names, a diagnosis, a reason, and what was sent in vain; in logs, traces, refusals, names, MongoDB and Redis."""
    somebody = invented(invented_word(), invented_word())
    canaries, said = Canaries(somebody.ins, somebody.family_name, somebody.given_name), Said()
    async with played(carnet, somebody) as scene:
        await live(scene, canaries, said)
        await be_refused(scene, canaries, said)
        for user, software in (("alice", "software/gp"), (f"ins:{somebody.ins}", "portal")):
            session = scene.doctor if user == "alice" else scene.herself
            await be_refused_everywhere(carnet, software, session, canaries, said)
        await look_back(scene, canaries, said)
        await eventually(lambda: _is_traced(carnet, said), TRACED)
        everywhere = [*told(carnet), *stored(carnet), *remembered(carnet), *said.places()]
        check_that_all_was_looked_into(everywhere, scene)
        assert found_in(everywhere, canaries.words()) == set()
        numbers = [(await scene.member(user)).rpps for user in ("alice", "bruno", "chloe")]
        assert together_in(everywhere, numbers, [scene.somebody.record.partition("/")[2]]) == set()


async def live(scene: Scene, canaries: Canaries, said: Said) -> None:
    """Deposit, search, read, break the glass."""
    doctor, somebody = scene.doctor, scene.somebody
    section = f"<component><section><text>{canaries.diagnosis}</text></section></component>"
    body = f"<component><structuredBody>{section}</structuredBody></component>"
    deposit = await doctor.deposit(somebody.record, somebody.document(1, title=f"Suivi : {canaries.diagnosis}", body=body))
    assert canaries.diagnosis in deposit.entry.title
    said.named([deposit.entry, *await doctor.search(somebody.record), *await doctor.search(somebody.record, unique_id=canaries.refused)])
    said.named([(await doctor.read(deposit.entry.name)).entry])
    patients = doctor.connection.patients
    lookup = LookupPatientRequest(ins=Ins(value=somebody.ins, authority=TEST_INS_AUTHORITY))
    said.named([await patients.LookupPatient(lookup, metadata=await doctor.metadata(), timeout=10)])
    said.named([await break_glass(scene.emergency, somebody.record, f"coma, {canaries.reason}")])
    assert (await scene.emergency.read(deposit.entry.name)).content


async def be_refused(scene: Scene, canaries: Canaries, said: Said) -> None:
    """Refusals of every kind, with what must not be repeated in them."""
    doctor, somebody, record = scene.doctor, scene.somebody, scene.somebody.record
    await said.refused(scene.stranger.search(record))
    await said.refused(doctor.deposit(record, somebody.document(2, title=canaries.refused, family_name=canaries.refused)))
    await said.refused(doctor.deposit(record, f"<letter>{canaries.refused}</letter>".encode()))
    await said.refused(doctor.deposit(record, f"<!DOCTYPE x [<!ENTITY {canaries.refused} 'x'>]><x/>".encode()))
    await said.refused(doctor.deposit(record, somebody.document(3, type_code=canaries.refused)))
    await said.refused(doctor.deposit(record, somebody.document(4, birth_time=canaries.refused)))
    await said.refused(break_glass(scene.emergency, f"records/{canaries.refused}", canaries.refused))
    await said.refused(break_glass(scene.emergency, record, canaries.refused * 100))
    await said.refused(doctor.read(f"{record}/documents/{canaries.refused}"))
    documents, name = doctor.connection.documents, f"records/{canaries.ins}/documents/{canaries.refused}"
    for metadata in carried(canaries):
        get = GetDocumentRequest(name=name, purpose=doctor.purpose)
        await said.refused(documents.GetDocument(get, metadata=[*await doctor.metadata(), *metadata], timeout=10))
        await said.refused(documents.GetDocument(get, metadata=[("authorization", canaries.carried), *metadata], timeout=10))
        read = ReadDocumentRequest(name=name, purpose=doctor.purpose)
        await said.refused(_drained(documents.ReadDocument(read, metadata=[("authorization", f"Bearer {canaries.carried}")], timeout=10)))


def carried(canaries: Canaries) -> list[Sequence[tuple[str, str]]]:
    """Metadata of careless software."""
    word = canaries.carried.lower()
    return [
        [("x-request-id", canaries.ins)],
        [("x-request-id", f"{word}-1")],
        [("x-request-id", word), ("x-patient", canaries.ins), ("tracestate", f"{word}=1"), ("baggage", f"ins={canaries.ins}")],
        [("traceparent", f"00-{canaries.ins:0>32}-{canaries.ins:0>16}-01")],
        [("traceparent", word)],
    ]


async def _drained(stream: Any) -> None:  # noqa: ANN401  # a call of gRPC
    async for _ in stream:
        pass


async def be_refused_everywhere(carnet: LocalRun, software: str, session: UserSession, canaries: Canaries, said: Said) -> None:
    """Every RPC of every service with the words in every field."""
    for word in (canaries.refused, canaries.ins):
        await asyncio.gather(*(_refused_or_not(carnet, software, session, rpc, filled(rpc, word), said) for rpc in rpcs()))


async def _refused_or_not(carnet: LocalRun, software: str, session: UserSession, rpc: Rpc, request: Message, said: Said) -> None:
    metadata: Metadata = await session.metadata()
    target = vars(carnet.targets)[rpc.server]
    async with open_channel(target, carnet.certificate_folder(software)) as channel:
        answer = await refusal_or_none(call(channel, rpc, request, metadata))
    if answer is not None:
        said.refusals.append(answer)


async def look_back(scene: Scene, canaries: Canaries, said: Said) -> None:
    """Her history holds what was planted in what succeeded, for her alone; it verifies."""
    lines = await settled(scene.herself, scene.somebody.record, lambda lines: any(line.event.kind == "emergency.opened" for line in lines))
    assert any(canaries.reason in line.event.motive for line in lines)
    assert verified(await scene.herself.export_history(scene.somebody.record)).is_complete
    said.named(line.event for line in lines)


def _is_traced(carnet: LocalRun, said: Said) -> bool:
    """Whether the traces of what was asked last were written."""
    last = sorted(line for line in (carnet.folder / "traces" / "audit.jsonl").read_text().splitlines() if "ExportAccessHistory" in line)
    return bool(last) and bool(said.refusals)


def check_that_all_was_looked_into(everywhere: list[Place], scene: Scene) -> None:
    """What is in clear on purpose is found: the looking is not blind."""
    record = scene.somebody.record.partition("/")[2]
    where = {name for name, _ in found_in(everywhere, {"record": record})}
    assert {"carnet_consent.records", "carnet_documents.documents", "local.oplog.rs", "name"} <= where
    kinds = {place.where for place in everywhere}
    assert {"log/documents.log", "log/mongod.log", "traces/consent.jsonl", "redis", "carnet_audit.leaves"} <= kinds
    rpps = {name for name, _ in found_in(everywhere, {"rpps": "99700366240"})}
    assert "carnet_identity.professionals" in rpps
